-- What a new passkey of an account is made with.
--
-- reads
-- columns: problem text, email text, name text, handle text, credentials json
--
-- :user_id, :session_id
--
-- problem      reauthentication_required, limit_reached; no row: disabled, deleted
-- name         may be null
-- handle       of its other passkeys, in hex; null: it has none
-- credentials  those of its passkeys, as allowed.sql has them

SELECT autoflow.passkey_problem(u.id, :session_id::uuid) AS problem,
       u.email, u.full_name AS name,
       (SELECT encode(f.user_handle, 'hex')
          FROM autoflow.factors f
         WHERE f.user_id = u.id
           AND f.kind = 'webauthn'
         ORDER BY f.id
         LIMIT 1) AS handle,
       (SELECT coalesce(json_agg(autoflow.credential_json(f) ORDER BY f.id),
                        '[]')
          FROM autoflow.factors f
         WHERE f.user_id = u.id
           AND f.kind = 'webauthn') AS credentials
  FROM autoflow.users u
 WHERE u.id = :user_id::uuid
   AND u.is_active
   AND u.deleted_at IS NULL;
