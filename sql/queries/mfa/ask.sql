-- Audits that the password of an account was right, which has factors, or must have
-- one: nobody is logged in yet.
--
-- writes
-- columns: factors json
--
-- :user_id
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- factors      an array of {"id","type","name"}

WITH event AS (
    INSERT INTO autoflow.audit_events
           (action, target_id, ip_address, user_agent, request_id, trace_id)
    SELECT CASE WHEN autoflow.has_factors(:user_id::uuid)
                THEN 'factor_requested' ELSE 'enrolment_requested' END,
           :user_id::uuid, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text
)
SELECT coalesce(json_agg(json_build_object('id', id, 'type', kind,
                                           'name', name)
                         ORDER BY id), '[]') AS factors
  FROM autoflow.factors
 WHERE user_id = :user_id::uuid
   AND confirmed_at IS NOT NULL;
