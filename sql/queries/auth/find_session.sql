-- The session that a refresh token says it is of.
--
-- reads
-- columns: session_id uuid, user_id uuid, random text, active boolean
--
-- :session_id          as the token names it; null: it is of the former form,
-- :token_hash          and this is its SHA-256, in hex
--
-- random               what its tokens' MACs have in them, in hex; null: it has
--                      had none; no row: there is no such session, or token
-- active               whether a token of it can be exchanged

SELECT s.id AS session_id, s.user_id, encode(s.random, 'hex') AS random,
       s.ended_at IS NULL AND s.expires_at > now()
       AND u.is_active AND u.deleted_at IS NULL AS active
  FROM autoflow.sessions s
  JOIN autoflow.users u ON u.id = s.user_id
 WHERE s.id = coalesce(:session_id::uuid,
                       (SELECT session_id
                          FROM autoflow.refresh_tokens
                         WHERE token_hash = decode(:token_hash::text, 'hex')));
