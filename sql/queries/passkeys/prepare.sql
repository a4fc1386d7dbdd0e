-- What a new passkey of an account is made with.
--
-- writes
-- columns: problem text, email text, name text, handle text, credentials json
--
-- :user_id
-- :session_id          null: it is the first one, of whoever has given the password
--
-- problem      reauthentication_required, limit_reached; no row: disabled, deleted
-- name         may be null
-- handle       that of all of its passkeys, in hex; null: there is a problem
-- credentials  those of its passkeys, as allowed.sql has them

SELECT problem,
       u.email, u.full_name AS name,
       CASE WHEN problem IS NULL
            THEN encode(autoflow.handle_of(u), 'hex') END AS handle,
       (SELECT coalesce(json_agg(autoflow.credential_json(f) ORDER BY f.id),
                        '[]')
          FROM autoflow.factors f
         WHERE f.user_id = u.id
           AND f.kind = 'webauthn') AS credentials
  FROM autoflow.users u,
       LATERAL (SELECT autoflow.factor_problem(u.id, :session_id::uuid))
           AS p (problem)
 WHERE u.id = :user_id::uuid
   AND u.is_active
   AND u.deleted_at IS NULL;
