-- What a code for an account is compared with.
--
-- reads
-- columns: password_hash text, factors json, seconds_left bigint
--
-- :user_id
-- :require_verified    whether its address must be verified
--
-- password_hash        may be null; no row: disabled, deleted, not verified
-- factors      those whose codes depend on the time: an array of
--              {"id","seed","step"}
-- seconds_left of the pause after wrong codes; null: there is none

SELECT u.password_hash,
       (SELECT coalesce(json_agg(json_build_object(
                            'id', f.id, 'seed', f.sealed_seed,
                            'step', coalesce(f.last_step, -1))), '[]')
          FROM autoflow.factors f
         WHERE f.user_id = u.id
           AND f.kind = 'totp'
           AND f.confirmed_at IS NOT NULL) AS factors,
       autoflow.code_seconds_left(u.id) AS seconds_left
  FROM autoflow.users u
 WHERE u.id = :user_id::uuid
   AND autoflow.is_verified(u, :require_verified::boolean)
   AND u.is_active
   AND u.deleted_at IS NULL;
