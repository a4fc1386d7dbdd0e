# Django's auth_user, with a column groups, of names, if the query adds one.
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
    profile: ({first_name, last_name} | profile)
}
