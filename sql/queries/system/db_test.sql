-- As little work as a round trip can be.
--
-- reads
-- columns: ok boolean

SELECT true AS ok;
