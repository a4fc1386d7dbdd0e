-- Creates an account with its profile, and opens a session, unless its address
-- must be verified first, or it must have a second factor.  It has a password, or
-- a passkey instead.
--
-- writes
-- mails
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, revoked text, message text, problem text
--
-- :email, :email_key
-- :username, :full_name, :first_name, :last_name       may be null
-- :password_hash       null: it has none
-- :credential          of add_passkey(); null: it has none
-- :passkey_name        may be null
-- :new_id, :hashes     its id, and those of its recovery codes, in hex; null: it has
--                      none
-- :require_verified    whether it must
-- :verify_first        whether this one must, for good
-- :mfa_required_of     of lacks_factor()
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time of open_session()
-- :mail                whether to mail a token that verifies the address
-- :accepted_language   of mails; null: none of ours
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- as open_session() all but "user" are null without a session; no row: the
--                   challenge was used; or users_username_key or
--                   factors_credential_id_idx violated
-- message              for people
-- problem              email_taken: an account has the address; if it was never
--                      verified, it can be claimed

WITH allowed AS MATERIALIZED (
    SELECT
     WHERE :credential::jsonb IS NULL
        OR autoflow.use_challenge(:credential::jsonb)
), account AS (
    INSERT INTO autoflow.users
           (id, email, email_key, username, full_name, password_hash,
            verify_first, language, user_handle)
    SELECT coalesce(:new_id::uuid, autoflow.uuid7()), :email::text,
           :email_key::text, :username::text, :full_name::text, :password_hash::text,
           nullif(:verify_first::boolean, false), :accepted_language::text,
           decode(:credential::jsonb ->> 'user_handle', 'hex')
      FROM allowed
    ON CONFLICT (email_key) WHERE deleted_at IS NULL DO NOTHING
    RETURNING *
), profile AS (
    INSERT INTO autoflow.profiles (user_id, first_name, last_name)
    SELECT id, :first_name::text, :last_name::text
      FROM account
), passkey AS MATERIALIZED (
    SELECT autoflow.passkey_methods(p) AS methods, 2 AS level
      FROM account,
           LATERAL autoflow.add_passkey(
               account.id, coalesce(:passkey_name::text, 'Passkey'),
               :credential::jsonb) AS p
     WHERE :credential::jsonb IS NOT NULL
), codes AS (
    INSERT INTO autoflow.recovery_codes (user_id, hash)
    SELECT account.id, decode(h.hash, 'hex')
      FROM account, unnest(:hashes::text[]) AS h (hash)
), opened AS MATERIALIZED (
    SELECT o.*
      FROM account
           LEFT JOIN passkey ON true,
           LATERAL autoflow.open_session(
               account.id, coalesce(methods, '{pwd}'), coalesce(level, 1),
               :max_sessions::bigint, :refresh_ttl::bigint,
               :access_ttl::bigint,
               :ip_address::inet, :user_agent::text,
               :dialect::text, :node_time::bigint) AS o
     WHERE NOT :require_verified::boolean
       AND NOT :verify_first::boolean
       AND NOT autoflow.lacks_factor(account, coalesce(level, 1),
                                     :mfa_required_of::text[])
), mail AS (
    INSERT INTO autoflow.outbox
           (kind, user_id, recipient, recipient_key, language)
    SELECT 'verify_email', id, email, email_key, language
      FROM account
     WHERE :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT id, 'registered', id, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           CASE WHEN :credential::jsonb IS NULL THEN '{}'::jsonb
                ELSE '{"type":"webauthn"}' END
      FROM account
), taken AS MATERIALIZED (
    SELECT CASE WHEN :mail::boolean
                THEN autoflow.claim_address(
                         :email::text, :email_key::text, :ip_address::inet,
                         :user_agent::text, :request_id::text,
                         :trace_id::text) END
     WHERE EXISTS (SELECT FROM allowed)
       AND NOT EXISTS (SELECT FROM account)
)
SELECT coalesce(opened."user",
                autoflow.user_as(:dialect::text, account)) AS "user",
       claims, session_id, user_id, number, random, revoked,
       CASE WHEN session_id IS NOT NULL
            THEN 'The account has been created.'
            WHEN NOT :require_verified::boolean AND NOT :verify_first::boolean
            THEN 'The account has been created: it needs a second factor, '
                 'which a login asks for.'
            ELSE 'The account has been created: it can be used once its '
                 'address is verified.'
       END AS message,
       NULL AS problem
  FROM account
  LEFT JOIN opened ON true
  LEFT JOIN passkey ON true
 UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'email_taken'
  FROM taken;
