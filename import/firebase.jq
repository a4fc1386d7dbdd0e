# Firebase: firebase auth:export users.json --format=json.  --settings is a file
# with the hash parameters of the project, as the console shows them.
{
    id: .localId,
    email,
    email_verified: (.emailVerified | boolean),
    full_name: (.displayName | text),
    password_hash: (
        if .passwordHash | text == null then null
        elif $settings.base64_signer_key == null then
            error("--settings with the hash parameters is missing")
        else
            "$fbscrypt$v=1,n=\($settings.mem_cost),r=\($settings.rounds),p=1"
            + ",ss=\($settings.base64_salt_separator)"
            + ",sk=\($settings.base64_signer_key)"
            + "$\(.salt)$\(.passwordHash)"
        end),
    is_active: (.disabled | boolean | not),
    roles: (.customAttributes | parsed // {} | .roles // [] | roles),
    created_at: .createdAt,
    last_login_at: .lastSignedInAt,
    profile: ({profile_picture_url: .photoUrl} | profile)
}
