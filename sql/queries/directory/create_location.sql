-- Creates a location.
--
-- writes
-- columns: json json
--
-- :body                its fields
-- :user_id             the requesting user
--
-- json         Location; or directory_bounded violated

WITH wanted AS (
    SELECT *
      FROM jsonb_populate_record(NULL::autoflow.locations, :body::jsonb)
), added AS (
    INSERT INTO autoflow.locations
           (created_by, country, state_province, city, postal_code)
    SELECT :user_id::uuid, country, state_province, city, postal_code
      FROM wanted
    RETURNING locations AS item
)
SELECT autoflow.location_json(added.item, true) AS json
  FROM added;
