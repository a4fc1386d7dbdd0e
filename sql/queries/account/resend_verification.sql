-- Mails a token that verifies an address: an account's address to anyone who
-- asks, a pending one only to the account itself, since others would take the
-- mail for an answer to a request of their own.
--
-- writes
-- mails
-- columns: json json
--
-- :email, :email_key
-- :user_id             of the access token; null: none
-- :mail                whether mails are on
-- :accepted_language   of the mail; null: none of ours
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a Notice, always the same

WITH account AS MATERIALIZED (
    SELECT *
      FROM (SELECT 'change_email' AS kind, id, pending_email AS email
              FROM autoflow.users
             WHERE id = :user_id::uuid
               AND pending_email_key = :email_key::text
               AND is_active
               AND deleted_at IS NULL
             UNION ALL
            SELECT 'verify_email', id, email
              FROM autoflow.users
             WHERE email_key = :email_key::text
               AND NOT email_verified
               AND is_active
               AND deleted_at IS NULL) AS u
     LIMIT 1
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail(
               coalesce((SELECT kind FROM account), 'verify_email'),
               (SELECT id FROM account),
               coalesce((SELECT email FROM account), :email::text),
               :email_key::text, :accepted_language::text) AS id
     WHERE :mail::boolean
)
INSERT INTO autoflow.audit_events
       (actor_id, action, target_id, ip_address, user_agent, request_id,
        trace_id, details)
SELECT :user_id::uuid, 'verification_requested', (SELECT id FROM account),
       :ip_address::inet, :user_agent::text, :request_id::text, :trace_id::text,
       jsonb_build_object('mailed', EXISTS (SELECT FROM mail
                                             WHERE id IS NOT NULL))
RETURNING autoflow.mailed_json() AS json;
