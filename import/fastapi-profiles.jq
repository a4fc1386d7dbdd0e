# FastAPI with SQLModel and passlib's bcrypt:
#
#   users (id, username, email, password_hash, is_active, is_super_admin,
#          created_at, updated_at, last_login_at)
#
# with a column profile, its row as JSON, that the query adds.
(.profile | parsed // {}) as $profile
| {
    id,
    email,
    username: (.username | username),
    full_name: full_name($profile.first_name; $profile.last_name),
    password_hash: (.password_hash | text),
    is_active: (.is_active | boolean),
    is_superuser: (.is_super_admin | boolean),
    created_at,
    updated_at,
    last_login_at,
    profile: ($profile
              | {first_name, last_name, date_of_birth, gender, bio,
                 profile_picture_url, is_public, allow_contact}
              | profile)
}
