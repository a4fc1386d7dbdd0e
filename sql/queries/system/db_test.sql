-- The cheapest possible round trip.
--
-- reads
-- columns: ok boolean

SELECT true AS ok;
