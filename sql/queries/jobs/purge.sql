-- Deletes sessions, their refresh tokens and revocations that have expired, a
-- batch of them.
--
-- writes
-- columns: more boolean
--
-- more         there may be more

SELECT autoflow.purge() AS more;
