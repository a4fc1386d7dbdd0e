-- Deletes sessions, their refresh tokens, revocations and invitations that have
-- expired, a batch of each.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT sessions OR invitations AS more
  FROM (SELECT autoflow.purge() AS sessions,
               autoflow.purge_invitations() AS invitations) AS purged;
