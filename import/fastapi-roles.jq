# FastAPI with SQLAlchemy, passlib's bcrypt and roles:
#
#   users (id, created_at, updated_at, username, email, hashed_password,
#          is_active, is_superuser, full_name, bio)
#
# with a column roles, of names, that the query adds.
{
    id,
    email,
    username: (.username | username),
    full_name: (.full_name | text),
    bio: (.bio | text),
    password_hash: (.hashed_password | text),
    is_active: (.is_active | boolean),
    is_superuser: (.is_superuser | boolean),
    roles: (.roles | roles),
    created_at,
    updated_at
}
