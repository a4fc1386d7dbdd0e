-- Locks the invitation of a token, before the statement of the same segment that
-- accepts it, which then sees what others have done to it meanwhile.
--
-- writes
-- columns: id uuid
--
-- :mail_id, :inviters          as for look
--
-- id           no row: there is none

SELECT id
  FROM autoflow.invitations
 WHERE id = autoflow.invitation_of(:mail_id::uuid, :inviters::text)
   FOR UPDATE;
