-- Audits a refused login.
--
-- writes
-- columns: id uuid
--
-- :user_id     null: no such account; then the login name is not stored, since
--              it may be a password in the wrong field
-- :login       the login name
-- :reason      unknown_account, wrong_password, account_disabled,
--              email_not_verified
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- id           the event's

INSERT INTO autoflow.audit_events
       (action, target_id, ip_address, user_agent, request_id, trace_id,
        details)
VALUES ('login_failed', :user_id::uuid, :ip_address::inet, :user_agent::text,
        :request_id::text, :trace_id::text,
        jsonb_strip_nulls(jsonb_build_object(
            'reason', :reason::text,
            'login', CASE WHEN :user_id::uuid IS NOT NULL
                          THEN :login::text END)))
RETURNING id;
