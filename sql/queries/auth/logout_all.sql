-- Ends every session of an account, and forgets its browsers.
--
-- writes
-- columns: revoked text, ended uuid
--
-- :user_id
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- revoked              the account; may be null
-- ended                likewise

WITH account AS (
    UPDATE autoflow.users
       SET token_epoch = token_epoch + 1
     WHERE id = :user_id::uuid
    RETURNING id
), forgotten AS (
    DELETE FROM autoflow.devices d
     USING account
     WHERE d.user_id = account.id
)
SELECT revoked, account.id AS ended
  FROM account,
       LATERAL autoflow.end_sessions(
           account.id, NULL, true, 'logged_out', account.id,
           :ip_address::inet, :user_agent::text, :request_id::text,
           :trace_id::text) AS revoked;
