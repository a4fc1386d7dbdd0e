-- Checks that notifications arrive.
--
-- writes
-- columns: heartbeat void

SELECT pg_notify('autoflow_revocations', 'beat') AS heartbeat;
