-- Deletes sessions, their refresh tokens, revocations, invitations and used
-- challenges that have expired, a batch of each.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT sessions OR invitations OR challenges AS more
  FROM (SELECT autoflow.purge() AS sessions,
               autoflow.purge_invitations() AS invitations,
               autoflow.purge_challenges() AS challenges) AS purged;
