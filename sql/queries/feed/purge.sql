-- Deletes what has expired.
--
-- more         there may be more

SELECT autoflow.purge() AS more;
