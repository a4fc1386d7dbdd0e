# GoTrue's auth.users (Supabase), and if the query adds them, columns with JSON:
# factors, of auth.mfa_factors, and passkeys, of auth.webauthn_credentials.  What
# users may write themselves, raw_user_meta_data, is only asked for names and a
# picture.
select((.deleted_at | text == null) and (.is_anonymous | boolean | not))
| (.raw_user_meta_data | parsed // {}) as $user
| (.raw_app_meta_data | parsed // {}) as $app
| {
    id,
    email,
    email_verified: (.email_confirmed_at | text != null),
    verified_at: .email_confirmed_at,
    full_name: ($user.full_name // $user.name | text),
    password_hash: (.encrypted_password | text),
    is_active: (.banned_until | text
                | if . == null then true
                  elif . == "infinity" then false
                  else .[:19] < (now | strftime("%Y-%m-%d %H:%M:%S")) end),
    is_superuser: (.is_super_admin | boolean),
    roles: ($app.roles // [] | roles),
    created_at,
    updated_at,
    last_login_at: .last_sign_in_at,
    profile: ({profile_picture_url: ($user.avatar_url // $user.picture)}
              | profile),
    # authenticators know an account by its id
    factors: (.id as $id | [
        (.factors | parsed // [] | .[] | select(.status == "verified")
         | (.web_authn_credential | parsed // {}) as $credential
         | {
             type: .factor_type,
             name: .friendly_name,
             created_at,
             # an object, if it is encrypted
             secret,
             credential_id: $credential.id,
             public_key: $credential.publicKey,
             counter: $credential.authenticator.signCount,
             transports: $credential.transport,
             aaguid: .web_authn_aaguid,
             attestation: $credential.attestationFormat,
             user_handle: ($id | @base64),
             user_verified: $credential.flags.userVerified,
             backup_eligible: $credential.flags.backupEligible,
             backed_up: $credential.flags.backupState
         }),
        # these have logged in alone
        (.passkeys | parsed // [] | .[] | {
            type: "webauthn",
            name: .friendly_name,
            created_at,
            last_used_at,
            credential_id,
            public_key,
            counter: .sign_count,
            transports,
            aaguid,
            user_handle: ($id | @base64),
            user_verified: true,
            discoverable: true,
            backup_eligible,
            backed_up
        })
    ])
}
