-- Somebody wanted an address that an account has.  If nobody has ever verified
-- it, its owner is mailed a token with which they choose a password and take
-- the account over: whoever made it may have mistyped, or meant harm.  One that
-- was verified loses nothing, whatever its address is now.
--
-- :email, :email_key
-- :mail        whether mails are sent at all
-- :ip_address, :user_agent, :request_id                may be null
--
-- id           the event's; no row: nothing was mailed

WITH account AS MATERIALIZED (
    SELECT id, email
      FROM autoflow.users
     WHERE email_key = :email_key::text
       AND verified_at IS NULL
       AND is_active
       AND deleted_at IS NULL
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail(
               'claim_account',
               (SELECT id FROM account),
               coalesce((SELECT email FROM account), :email::text),
               :email_key::text) AS id
     WHERE :mail::boolean
)
INSERT INTO autoflow.audit_events
       (action, target_id, ip_address, user_agent, request_id)
SELECT 'claim_mailed', account.id, :ip_address::inet, :user_agent::text,
       :request_id::text
  FROM account, mail
 WHERE mail.id IS NOT NULL
RETURNING id;
