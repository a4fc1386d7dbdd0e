-- Mails a token with which an account's owner can choose a new password.
--
-- writes
-- mails
-- columns: json json
--
-- :email, :email_key
-- :mail        whether mails are on
-- :accepted_language   of the mail; null: none of ours
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a Notice, always the same

WITH account AS MATERIALIZED (
    SELECT id, email
      FROM autoflow.users
     WHERE email_key = :email_key::text
       AND is_active
       AND deleted_at IS NULL
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail(
               'reset_password',
               (SELECT id FROM account),
               coalesce((SELECT email FROM account), :email::text),
               :email_key::text, :accepted_language::text) AS id
     WHERE :mail::boolean
)
INSERT INTO autoflow.audit_events
       (action, target_id, ip_address, user_agent, request_id, trace_id,
        details)
SELECT 'password_reset_requested', (SELECT id FROM account),
       :ip_address::inet, :user_agent::text, :request_id::text, :trace_id::text,
       jsonb_build_object('mailed', EXISTS (SELECT FROM mail
                                             WHERE id IS NOT NULL))
RETURNING autoflow.mailed_json() AS json;
