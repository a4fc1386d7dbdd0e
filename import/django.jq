# Django's auth_user, and if the query adds them, columns with JSON: groups, of
# names; totp and passkeys, rows of django-otp and django-otp-webauthn;
# authenticators, those of django-allauth.
{
    id,
    email: ([.email, .username | text
             | select(. != null and contains("@"))] | first),
    username: (.username | username),
    full_name: full_name(.first_name; .last_name),
    # "!" begins a password that can't be used
    password_hash: (.password | text
                    | if . != null and startswith("!") then null else . end),
    is_active: (.is_active | boolean),
    is_superuser: (.is_superuser | boolean),
    roles: ((.groups | roles)
            + (if .is_staff | boolean then ["staff"] else [] end) | unique),
    created_at: .date_joined,
    last_login_at: .last_login,
    profile: ({first_name, last_name} | profile),
    factors: [
        (.totp | parsed // [] | .[] | select(.confirmed) | {
            type: "totp",
            name,
            created_at,
            last_used_at,
            secret: .key,
            encoding: "hex",
            digits,
            period: .step,
            offset: .t0,
            last_step: .last_t
        }),
        (.passkeys | parsed // [] | .[] | select(.confirmed) | {
            type: "webauthn",
            name,
            created_at,
            last_used_at,
            credential_id,
            public_key,
            counter: .sign_count,
            transports,
            aaguid,
            discoverable,
            backup_eligible,
            backed_up: .backup_state
        }),
        # its passkeys are kept as browsers have sent them
        (.authenticators | parsed // [] | .[] | select(.type == "totp") | {
            type,
            created_at,
            last_used_at,
            secret: .data.secret
        })
    ]
}
