-- Makes the audit's partitions of this month and the next, and of those that
-- have events without one.  Whether any is old enough to go is the owner's to
-- say.
--
-- writes
-- columns: done void

SELECT autoflow.audit_maintain(NULL) AS done;
