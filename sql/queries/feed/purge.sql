-- A heartbeat that deletes what has expired.
--
-- more         there may be more

SELECT autoflow.purge() AS more,
       pg_notify('autoflow_revocations', 'beat');
