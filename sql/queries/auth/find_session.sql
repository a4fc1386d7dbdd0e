-- The session that a refresh token claims to belong to.
--
-- reads
-- columns: session_id uuid, user_id uuid, random text, active boolean
--
-- :session_id          as in the token; null: it is a legacy token,
-- :token_hash          and this is its SHA-256, in hex
--
-- random               part of its tokens' MACs, in hex; null: none yet; no
--                      row: no such session, or legacy token
-- active               whether its tokens can be exchanged

SELECT s.id AS session_id, s.user_id, encode(s.random, 'hex') AS random,
       s.ended_at IS NULL AND s.expires_at > now()
       AND u.is_active AND u.deleted_at IS NULL AS active
  FROM autoflow.sessions s
  JOIN autoflow.users u ON u.id = s.user_id
 WHERE s.id = coalesce(:session_id::uuid,
                       (SELECT session_id
                          FROM autoflow.refresh_tokens
                         WHERE token_hash = decode(:token_hash::text, 'hex')));
