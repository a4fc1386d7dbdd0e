-- Audits a factor that is wrong; and counts a code for all nodes, but not a
-- recovery code or a passkey, which nobody can guess.
--
-- writes
-- columns: seconds_left bigint
--
-- :user_id     null: whose passkey it is isn't known
-- :login       whether it was to log in; else it is of a session
-- :reason      wrong_code, wrong_passkey, account_disabled, email_not_verified
-- :counted             whether it is counted
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- seconds_left of the pause that others have caused: this one must not learn
--              more, and is not counted; null: there is none

WITH counted AS MATERIALIZED (
    SELECT CASE WHEN :counted::boolean
                THEN autoflow.count_code_failure(:user_id::uuid)
           END AS seconds_left
), event AS (
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, trace_id,
            details)
    SELECT CASE WHEN :login::boolean THEN 'login_failed'
                ELSE 'reauthentication_failed' END,
           :user_id::uuid, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           jsonb_build_object('reason',
                              CASE WHEN seconds_left IS NULL THEN :reason::text
                                   ELSE 'too_many_codes' END)
      FROM counted
)
SELECT seconds_left
  FROM counted;
