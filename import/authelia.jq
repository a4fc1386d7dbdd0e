# Authelia: users of its file, with username, totp and webauthn, which its exports
# have, by the command of docs/moving.md.
{
    id: .username,
    email: (.email | if type == "array" then first else . end | text),
    username: (.username | username),
    full_name: (.displayname | text),
    password_hash: (.password | text),
    is_active: (.disabled | boolean | not),
    roles: (.groups // [] | roles),
    factors: [
        (.totp[]? | {
            type: "totp",
            name: .issuer,
            created_at,
            last_used_at,
            # base64 of base32
            secret: (.secret | @base64d),
            digits,
            period,
            algorithm
        }),
        (.webauthn[]? | {
            type: "webauthn",
            name: .description,
            created_at,
            last_used_at,
            rp_id: .rpid,
            credential_id: .kid,
            public_key,
            counter: .sign_count,
            transports,
            aaguid,
            attestation: .attestation_format,
            discoverable,
            user_verified: .verified,
            backup_eligible,
            backed_up: .backup_state
        })
    ]
}
