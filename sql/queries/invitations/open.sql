-- Opens the first session of an account that the preceding statement of the
-- segment has created, whose epoch its roles have raised; unless it must have a
-- second factor.  A passkey of it is what it was created with.
--
-- writes
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, revoked text, message text
--
-- :mail_id             the token's outbox entry
-- :mfa_required_of     of lacks_factor()
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time of open_session()
-- :dialect             of user_as()
-- :ip_address, :user_agent                             may be null
--
-- as open_session() all but "user" are null without a session; no row: nothing was
--                   accepted
-- message           for people

SELECT coalesce(o."user", autoflow.user_as(:dialect::text, u)) AS "user",
       o.claims, o.session_id, o.user_id, o.number, o.random, o.revoked,
       CASE WHEN o.session_id IS NOT NULL
            THEN 'The account has been created.'
            ELSE 'The account has been created: it needs a second factor, '
                 'which a login asks for.'
       END AS message
  FROM autoflow.outbox m
  JOIN autoflow.users u
    ON u.email_key = m.recipient_key AND u.deleted_at IS NULL
  LEFT JOIN autoflow.factors f ON f.user_id = u.id
 CROSS JOIN LATERAL (
           SELECT CASE WHEN f.id IS NULL THEN '{pwd}'
                       ELSE autoflow.passkey_methods(f) END AS methods,
                  CASE WHEN f.id IS NULL THEN 1 ELSE 2 END AS level) AS proof
  LEFT JOIN LATERAL autoflow.open_session(
           u.id, methods, level, :max_sessions::bigint, :refresh_ttl::bigint,
           :access_ttl::bigint, :ip_address::inet, :user_agent::text,
           :dialect::text, :node_time::bigint) AS o
    ON NOT autoflow.lacks_factor(u, level, :mfa_required_of::text[])
 WHERE m.id = :mail_id::uuid
   AND m.used_at = now()
   AND u.created_at = now();
