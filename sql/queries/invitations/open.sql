-- Opens the first session of an account that the preceding statement of the
-- segment has created, whose epoch its roles have raised.
--
-- writes
-- columns: user json, claims json, session_id uuid, user_id uuid,
--          number bigint, random text, revoked text
--
-- :mail_id             the token's outbox entry
-- :max_sessions, :refresh_ttl, :access_ttl, :node_time of open_session()
-- :dialect             of user_as()
-- :ip_address, :user_agent                             may be null
--
-- as open_session() no row: nothing was accepted

SELECT o."user", o.claims, o.session_id, o.user_id, o.number, o.random,
       o.revoked
  FROM autoflow.outbox m
  JOIN autoflow.users u
    ON u.email_key = m.recipient_key AND u.deleted_at IS NULL,
       LATERAL autoflow.open_session(
           u.id, '{pwd}', 1, :max_sessions::bigint, :refresh_ttl::bigint,
           :access_ttl::bigint, :ip_address::inet, :user_agent::text,
           :dialect::text, :node_time::bigint) AS o
 WHERE m.id = :mail_id::uuid
   AND m.used_at = now()
   AND u.created_at = now();
