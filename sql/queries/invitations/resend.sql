-- Mails an invitation again, which then lasts as long as a new one: for its
-- inviter, or for a superuser.
--
-- writes
-- mails
-- columns: problem text, json json
--
-- :id
-- :user_id             the requesting user
-- :inviters            the role of those who may invite besides superusers; may
--                      be null
-- :invitation_ttl      in seconds
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      forbidden: this account invites nobody
-- json         an Invitation; no row: not found

WITH caller AS MATERIALIZED (
    SELECT autoflow.may_invite(u, :inviters::text) AS allowed, is_superuser
      FROM autoflow.users u
     WHERE id = :user_id::uuid
), invitation AS MATERIALIZED (
    SELECT i.id, i.invited_by, i.email, i.email_key, i.language
      FROM autoflow.invitations i, caller
     WHERE i.id = :id::uuid
       AND i.expires_at > now()
       AND allowed
       AND (is_superuser OR i.invited_by = :user_id::uuid)
       FOR UPDATE OF i
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail('invitation', invited_by, email, email_key,
                                 language) AS id
      FROM invitation
     WHERE :mail::boolean
), sent AS (
    UPDATE autoflow.invitations i
       SET mailed_at = now(),
           expires_at = now() + :invitation_ttl::bigint * interval '1 second'
      FROM invitation, mail
     WHERE i.id = invitation.id
       AND mail.id IS NOT NULL
    RETURNING i.*
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, ip_address, user_agent, request_id, trace_id,
            details)
    SELECT :user_id::uuid, 'invitation_resent', :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('invitation_id', id, 'email', email)
      FROM sent
)
SELECT CASE WHEN NOT allowed THEN 'forbidden'
            WHEN NOT :mail::boolean THEN 'mail_off'
            WHEN sent.id IS NULL THEN 'limit_reached' END AS problem,
       CASE WHEN sent.id IS NOT NULL
            THEN autoflow.invitation_json(sent) END AS json
  FROM caller
  LEFT JOIN invitation ON true
  LEFT JOIN sent ON true
 WHERE invitation.id IS NOT NULL
    OR NOT allowed;
