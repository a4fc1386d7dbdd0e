-- Mails a token with which an address is verified: that of an account, or one
-- that an account waits for.
--
-- :email
-- :mail        whether mails are sent at all
-- :ip_address, :user_agent, :request_id                may be null
--
-- id           the event's

WITH account AS MATERIALIZED (
    SELECT id, email, pending_email, email_verified
      FROM autoflow.users
     WHERE is_active
       AND deleted_at IS NULL
       AND (lower(email COLLATE "C") = lower(:email::text COLLATE "C")
            OR lower(pending_email COLLATE "C")
               = lower(:email::text COLLATE "C"))
     ORDER BY lower(email COLLATE "C") <> lower(:email::text COLLATE "C"), id
     LIMIT 1
), address AS MATERIALIZED (
    SELECT id,
           CASE WHEN lower(email COLLATE "C") <> lower(:email::text COLLATE "C")
                THEN pending_email
                ELSE email END AS email
      FROM account
     WHERE NOT email_verified
        OR lower(email COLLATE "C") <> lower(:email::text COLLATE "C")
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail(
               'verify_email',
               (SELECT id FROM address),
               coalesce((SELECT email FROM address), :email::text)) AS id
     WHERE :mail::boolean
)
INSERT INTO autoflow.audit_events
       (action, target_id, ip_address, user_agent, request_id, details)
SELECT 'verification_requested', (SELECT id FROM account),
       :ip_address::inet, :user_agent::text, :request_id::text,
       jsonb_build_object('mailed', EXISTS (SELECT FROM mail
                                             WHERE id IS NOT NULL))
RETURNING id;
