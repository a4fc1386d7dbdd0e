-- Withdraws an invitation: for its inviter, or for a superuser.
--
-- writes
-- columns: problem text
--
-- :id
-- :user_id             the requesting user
-- :inviters            the role of those who may invite besides superusers; may
--                      be null
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      forbidden: this account invites nobody; no row: not found

WITH caller AS MATERIALIZED (
    SELECT autoflow.may_invite(u, :inviters::text) AS allowed, is_superuser
      FROM autoflow.users u
     WHERE id = :user_id::uuid
), gone AS (
    DELETE FROM autoflow.invitations i
     USING caller
     WHERE i.id = :id::uuid
       AND i.expires_at > now()
       AND allowed
       AND (is_superuser OR i.invited_by = :user_id::uuid)
    RETURNING i.id, i.email
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, ip_address, user_agent, request_id, trace_id,
            details)
    SELECT :user_id::uuid, 'invitation_withdrawn', :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('invitation_id', id, 'email', email)
      FROM gone
)
SELECT CASE WHEN NOT allowed THEN 'forbidden' END AS problem
  FROM caller
  LEFT JOIN gone ON true
 WHERE gone.id IS NOT NULL
    OR NOT allowed;
