-- Makes an account with its profile, and logs it in, unless its address has to
-- be verified first.
--
-- :email, :email_key
-- :username, :full_name, :first_name, :last_name       may be null
-- :password_hash
-- :require_verified    whether it has
-- :refresh_ttl, :access_ttl                            in seconds
-- :mail                whether to mail a token that verifies the address
-- :ip_address, :user_agent, :request_id                may be null
--
-- "user", claims, session_id, user_id, number, random
--                      all but the first null if it is not logged in; no row:
--                      an account has the address; or users_username_key
--                      violated

WITH account AS (
    INSERT INTO autoflow.users
           (email, email_key, username, full_name, password_hash,
            last_login_at)
    VALUES (:email::text, :email_key::text, :username::text,
            :full_name::text, :password_hash::text,
            CASE WHEN NOT :require_verified::boolean THEN now() END)
    ON CONFLICT (email_key) WHERE deleted_at IS NULL DO NOTHING
    RETURNING *
), profile AS (
    INSERT INTO autoflow.profiles (user_id, first_name, last_name)
    SELECT id, :first_name::text, :last_name::text
      FROM account
), session AS (
    INSERT INTO autoflow.sessions
           (user_id, device_info, ip_address, number, expires_at,
            access_expires_at)
    SELECT id, :user_agent::text, :ip_address::inet, 1,
           now() + :refresh_ttl::bigint * interval '1 second',
           now() + :access_ttl::bigint * interval '1 second'
      FROM account
     WHERE NOT :require_verified::boolean
    RETURNING *
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'verify_email', id, email, email_key
      FROM account
     WHERE :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id)
    SELECT id, 'registered', id, :ip_address::inet, :user_agent::text,
           :request_id::text
      FROM account
)
SELECT autoflow.user_json(account) AS "user",
       CASE WHEN session.id IS NOT NULL
            THEN autoflow.claims_json(account, session.id) END AS claims,
       session.id AS session_id,
       session.user_id,
       session.number,
       encode(session.random, 'hex') AS random
  FROM account
  LEFT JOIN session ON true;
