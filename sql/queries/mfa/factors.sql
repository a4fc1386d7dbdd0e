-- An account's factors, in the order in which they were added: they are at most
-- twenty; how many recovery codes are left; and whether it has a password.
--
-- reads
-- columns: json json
--
-- :user_id
--
-- json         FactorList

SELECT json_build_object(
           'factors',
           (SELECT coalesce(json_agg(autoflow.factor_json(f) ORDER BY f.id),
                            '[]')
              FROM autoflow.factors f
             WHERE f.user_id = :user_id::uuid),
           'recovery_codes',
           (SELECT count(*)
              FROM autoflow.recovery_codes c
             WHERE c.user_id = :user_id::uuid),
           'has_password',
           (SELECT u.password_hash IS NOT NULL
              FROM autoflow.users u
             WHERE u.id = :user_id::uuid)) AS json;
