-- The id of an account that is to be registered, of which the hashes of its recovery
-- codes are made.
--
-- reads
-- columns: id uuid
--
-- id

SELECT autoflow.uuid7() AS id;
