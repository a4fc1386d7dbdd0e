-- The addresses of accounts, also of those that were deleted.
--
-- reads
-- columns: names json
--
-- :ids         an object whose members are called so
--
-- names        of those that exist, by their ids; null: none

SELECT json_object_agg(id, email) AS names
  FROM autoflow.users
 WHERE id = ANY (ARRAY(SELECT id::uuid
                         FROM json_object_keys(:ids::json) AS ids (id)));
