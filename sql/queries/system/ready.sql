-- Whether the database takes writes.
--
-- reads
-- columns: writable boolean
--
-- writable     false: a standby, or a server that is read-only

SELECT NOT current_setting('transaction_read_only')::boolean AS writable;
