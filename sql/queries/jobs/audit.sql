-- Creates the audit log's partitions of this month and the next, and of those
-- that have events without one.  Dropping old ones is up to the owner.
--
-- writes
-- columns: done void

SELECT autoflow.audit_partitions() AS done;
