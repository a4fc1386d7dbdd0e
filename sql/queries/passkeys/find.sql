-- The passkey with which somebody wants to log in, and its account.
--
-- reads
-- columns: factor_id uuid, user_id uuid, public_key text, handle text,
--          is_active boolean, verified boolean
--
-- :credential_id       in hex
-- :require_verified    whether its address must be verified
--
-- public_key, handle   in hex; no row: there is none
-- verified     as is_verified() says

SELECT f.id AS factor_id, f.user_id, encode(f.public_key, 'hex') AS public_key,
       encode(f.user_handle, 'hex') AS handle, u.is_active,
       autoflow.is_verified(u, :require_verified::boolean) AS verified
  FROM autoflow.factors f
  JOIN autoflow.users u ON u.id = f.user_id
 WHERE f.credential_id = decode(:credential_id::text, 'hex')
   AND f.kind = 'webauthn'
   AND f.confirmed_at IS NOT NULL
   AND u.deleted_at IS NULL;
