-- Shows that notifications come back.
--
-- more         never

SELECT false AS more,
       pg_notify('autoflow_revocations', 'beat');
