-- As little work as a round trip can be.
--
-- more         never

SELECT false AS more;
