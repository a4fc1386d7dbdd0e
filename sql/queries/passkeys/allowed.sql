-- The passkeys of an account, any of which may be used.
--
-- reads
-- columns: credentials json
--
-- :user_id
--
-- credentials  an array of WebAuthn's PublicKeyCredentialDescriptorJSON; no row:
--              there is none, disabled, deleted

SELECT json_agg(autoflow.credential_json(f) ORDER BY f.id) AS credentials
  FROM autoflow.users u
  JOIN autoflow.factors f ON f.user_id = u.id
                         AND f.kind = 'webauthn'
                         AND f.confirmed_at IS NOT NULL
 WHERE u.id = :user_id::uuid
   AND u.is_active
   AND u.deleted_at IS NULL
 GROUP BY u.id;
