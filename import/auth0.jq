# Auth0: the lines of a user export, or the file with password hashes that the
# support hands out.  The id is what is "sub" in tokens.
([.identifiers[]? | select(.type == "email")] | first) as $address
| {
    id: (.user_id // "auth0|" + (.alt_id // ._id["$oid"])),
    email: (.email // $address.value),
    email_verified: (.email_verified // $address.verified | boolean),
    username: (.username | username),
    full_name: (.name | text
                | if . != null and contains("@") then null else . end),
    password_hash: (.passwordHash // .password_hash | text),
    is_active: (.blocked | boolean | not),
    roles: (.app_metadata.roles // [] | roles),
    created_at,
    updated_at,
    last_login_at: .last_login,
    profile: ({first_name: .given_name, last_name: .family_name,
               profile_picture_url: .picture} | profile),
    # of its format for imports
    factors: [.mfa_factors[]? | .totp // empty | {type: "totp", secret}]
}
