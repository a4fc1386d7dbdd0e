-- Ends every session of another account, which lock_user has locked, and forgets
-- its browsers.
--
-- writes
-- columns: json json, revoked text, ended uuid
--
-- :id
-- :user_id             the requesting user
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a User; no row: not found
-- revoked      the account
-- ended        its id

WITH account AS (
    UPDATE autoflow.users
       SET token_epoch = token_epoch + 1
     WHERE id = :id::uuid
       AND deleted_at IS NULL
    RETURNING *
), forgotten AS (
    DELETE FROM autoflow.devices d
     USING account
     WHERE d.user_id = account.id
)
SELECT autoflow.user_as(:dialect::text, account) AS json, revoked,
       account.id AS ended
  FROM account,
       LATERAL autoflow.end_sessions(
           account.id, NULL, true, 'logged_out', :user_id::uuid,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text) AS revoked;
