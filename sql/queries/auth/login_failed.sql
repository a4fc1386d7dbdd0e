-- Audits a refused login, and counts it for all nodes.
--
-- writes
-- columns: exceeds boolean, seconds_left bigint
--
-- :user_id     null: no such account; then the login name is not stored, since
--              it may be a password in the wrong field
-- :login       the login name
-- :reason      unknown_account, wrong_password, account_disabled,
--              email_not_verified
-- :account_id          the account's id, or what its name is counted by
-- :max_failures        null: it isn't counted
-- :failures_window     in seconds
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- exceeds      so many have failed meanwhile that this one must not learn more;
--              null: it wasn't counted
-- seconds_left until the window ends

WITH counted AS MATERIALIZED (
    SELECT c.failures, c.seconds_left
      FROM autoflow.count_failure(:account_id::uuid, 'password',
                                  :failures_window::bigint) AS c
     WHERE :max_failures::bigint IS NOT NULL
), event AS (
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, trace_id,
            details)
    VALUES ('login_failed', :user_id::uuid, :ip_address::inet,
            :user_agent::text, :request_id::text, :trace_id::text,
            jsonb_strip_nulls(jsonb_build_object(
                'reason', :reason::text,
                'login', CASE WHEN :user_id::uuid IS NOT NULL
                              THEN :login::text END)))
)
SELECT c.failures > :max_failures::bigint AS exceeds, c.seconds_left
  FROM (SELECT) AS always
       LEFT JOIN counted c ON true;
