-- The session that a refresh token says it is of.
--
-- :session_id          as the token names it; null: it is of the former form,
-- :token_hash          and this is its SHA-256, in hex
--
-- session_id, user_id
-- random               what its tokens' MACs have in them, in hex; null: it has
--                      had none; no row: there is no such session, or token

SELECT id AS session_id, user_id, encode(random, 'hex') AS random
  FROM autoflow.sessions
 WHERE id = coalesce(:session_id::uuid,
                     (SELECT session_id
                        FROM autoflow.refresh_tokens
                       WHERE token_hash = decode(:token_hash::text, 'hex')));
