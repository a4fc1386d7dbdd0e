# FastAPI with SQLModel and passlib's bcrypt:
#
#   users (id, username, email, password_hash, is_active, is_super_admin,
#          created_at, updated_at, last_login_at)
#
# with a column profile that the query adds: its row as JSON, with those of
# location, contacts and jobs.
def active: map(select(.is_active != false));
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
                 profile_picture_url, is_public, allow_contact,
                 location: (.location // null
                            | if . == null then null
                              else {country, state_province, city, postal_code}
                              end),
                 contacts: (.contacts // []
                            | active | map({type, value, is_primary})),
                 jobs: (.jobs // []
                        | active
                        | map({title, company, industry, start_date,
                               end_date}))}
              | profile)
}
