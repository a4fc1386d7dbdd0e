-- A profile, with its location, contacts and jobs if requested.
--
-- reads
-- columns: json json
--
-- :self                true: that of the requesting user
-- :id                  otherwise its id
-- :include             of "location,contacts,jobs"; may be null
-- :user_id, :superuser         the requesting user
--
-- json         no row: not readable

SELECT autoflow.profile_with(
           item, :user_id::uuid, :superuser::boolean,
           string_to_array(:include::text, ',')) AS json
  FROM autoflow.readable_profiles(
           :user_id::uuid, :superuser::boolean, true)
 WHERE id = (SELECT CASE WHEN :self::boolean
                            THEN (SELECT id
                                    FROM autoflow.profiles
                                   WHERE user_id = :user_id::uuid)
                            ELSE :id::uuid END);
