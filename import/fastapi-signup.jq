# FastAPI with SQLAlchemy and bcrypt:
#
#   users (id, email, hashed_password, created_at)
#
# and, where sign-up keeps them, first_name and last_name.
{
    id,
    email,
    full_name: full_name(.first_name; .last_name),
    password_hash: (.hashed_password | text),
    created_at,
    profile: ({first_name, last_name} | profile)
}
