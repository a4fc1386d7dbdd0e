-- Whether the database accepts writes.
--
-- reads
-- columns: writable boolean
--
-- writable     false: a standby, or a read-only server

SELECT NOT current_setting('transaction_read_only')::boolean AS writable;
