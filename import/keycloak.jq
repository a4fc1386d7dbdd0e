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
    profile: ({first_name: .firstName, last_name: .lastName} | profile)
}
