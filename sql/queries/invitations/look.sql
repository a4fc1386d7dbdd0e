-- The invitation that a token from a mail belongs to.
--
-- reads
-- columns: json json, email text, email_key text
--
-- :mail_id     the token's outbox entry
-- :inviters    the role of those who may invite besides superusers; may be null
--
-- json         what its owner may know; no row: it was accepted or withdrawn,
--              has expired, or its inviter may not invite any more

SELECT json_build_object('email', email,
                         'expires_at', autoflow.rfc3339(expires_at)) AS json,
       email,
       email_key
  FROM autoflow.invitations
 WHERE id = autoflow.invitation_of(:mail_id::uuid, :inviters::text);
