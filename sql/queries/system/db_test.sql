-- As little work as a round trip can be.
--
-- ok

SELECT true AS ok;
