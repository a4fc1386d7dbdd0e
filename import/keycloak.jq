# Keycloak's export of a realm, or of its users: kc.sh export.
select(.serviceAccountClientId == null)
| ([.credentials[]? | select(.type == "password")]
   | sort_by(.priority) | first) as $password
| ($password.secretData | parsed) as $secret
| ($password.credentialData | parsed) as $data
| ($data.additionalParameters // {}) as $parameters
| {
    id,
    email,
    email_verified: .emailVerified,
    username: (.username | username),
    full_name: full_name(.firstName; .lastName),
    password_hash: (
        if $password == null then null
        elif $data.algorithm == "argon2" then
            "$argon2\($parameters.type[0])$v=19"
            + "$m=\($parameters.memory[0]),t=\($data.hashIterations)"
            + ",p=\($parameters.parallelism[0])"
            + "$\($secret.salt | rtrimstr("=") | rtrimstr("="))"
            + "$\($secret.value | rtrimstr("=") | rtrimstr("="))"
        else
            "$\($data.algorithm)$\($data.hashIterations)"
            + "$\($secret.salt)$\($secret.value)"
        end),
    is_active: .enabled,
    # everyone has these
    roles: ([.realmRoles[]?
             | select(. != "offline_access" and . != "uma_authorization"
                      and (startswith("default-roles-") | not))]
            | roles),
    created_at: .createdTimestamp,
    profile: ({first_name: .firstName, last_name: .lastName} | profile),
    # its authenticators know an account by its id
    factors: (.id as $id
        | [.credentials[]?
           | (.secretData | parsed // {}) as $secret
           | (.credentialData | parsed // {}) as $data
           | {name: .userLabel, created_at: .createdDate}
             + if .type == "otp" then {
                 type: $data.subType,
                 secret: $secret.value,
                 encoding: ($data.secretEncoding // "text" | ascii_downcase),
                 digits: $data.digits,
                 period: $data.period,
                 algorithm: $data.algorithm
             } elif .type | IN("webauthn", "webauthn-passwordless") then {
                 type: "webauthn",
                 credential_id: $data.credentialId,
                 public_key: $data.credentialPublicKey,
                 counter: $data.counter,
                 transports: $data.transports,
                 aaguid: $data.aaguid,
                 attestation: $data.attestationStatementFormat,
                 user_handle: ($id | @base64),
                 # which has logged in alone
                 user_verified: (.type == "webauthn-passwordless"),
                 discoverable: (.type == "webauthn-passwordless")
             } else empty end])
}
