-- Shows that notifications come back.
--
-- heartbeat

SELECT pg_notify('autoflow_revocations', 'beat') AS heartbeat;
