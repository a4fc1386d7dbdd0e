-- A profile, with what else is wanted.
--
-- reads
-- columns: json json
--
-- :self                true: that of who reads
-- :id                  else, its id
-- :include             of "location,contacts,jobs" what to put in; may be null
-- :user_id, :superuser         who reads
--
-- json         no row: one may not read it

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
