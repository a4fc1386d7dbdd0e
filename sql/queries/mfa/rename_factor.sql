-- Renames a factor.
--
-- writes
-- columns: json json
--
-- :id, :user_id
-- :name
--
-- json         the Factor; no row: it is not the account's

UPDATE autoflow.factors f
   SET name = :name::text
 WHERE id = :id::uuid
   AND user_id = :user_id::uuid
RETURNING autoflow.factor_json(f) AS json;
