-- Audits that further attempts are refused for a while.
--
-- writes
-- columns: id uuid
--
-- :user_id     null: no such account, or none was requested
-- :limit       account, account_total or address
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- id           the event's

INSERT INTO autoflow.audit_events
       (action, target_id, ip_address, user_agent, request_id, trace_id,
        details)
VALUES ('locked_out', :user_id::uuid, :ip_address::inet, :user_agent::text,
        :request_id::text, :trace_id::text,
        jsonb_build_object('limit', :limit::text))
RETURNING id;
