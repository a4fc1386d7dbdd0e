-- Deletes what has expired, a batch of it.
--
-- more             there may be more
-- audit_overdue    events wait in vain for a partition of their month

SELECT greatest(autoflow.purge(), autoflow.purge_addresses(),
                autoflow.purge_roles()) AS more,
       autoflow.audit_is_overdue() AS audit_overdue;
