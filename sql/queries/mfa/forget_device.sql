-- Forgets a browser of an account: it asks for the second factor again.
--
-- writes
-- columns: id uuid
--
-- :id, :user_id
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- id           no row: it is not the account's

WITH forgotten AS (
    DELETE FROM autoflow.devices
     WHERE id = :id::uuid
       AND user_id = :user_id::uuid
    RETURNING id, user_id
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'device_forgotten', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('device', id)
      FROM forgotten
)
SELECT id
  FROM forgotten;
