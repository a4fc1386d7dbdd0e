-- Shows that notifications come back.
--
-- writes
-- columns: heartbeat void

SELECT pg_notify('autoflow_revocations', 'beat') AS heartbeat;
