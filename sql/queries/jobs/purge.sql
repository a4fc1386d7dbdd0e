-- Deletes sessions, their refresh tokens, revocations, invitations, used challenges
-- and remembered browsers that have expired, a batch of each.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT sessions OR invitations OR challenges OR devices AS more
  FROM (SELECT autoflow.purge() AS sessions,
               autoflow.purge_invitations() AS invitations,
               autoflow.purge_challenges() AS challenges,
               autoflow.purge_devices() AS devices) AS purged;
