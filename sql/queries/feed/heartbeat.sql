-- Shows that notifications come back.
--
-- writes
--
-- heartbeat

SELECT pg_notify('autoflow_revocations', 'beat') AS heartbeat;
