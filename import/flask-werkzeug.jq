# Flask with SQLAlchemy and Werkzeug's hashes:
#
#   users (id, email, name, password_hash, created_at)
{
    id,
    email,
    full_name: (.name | text),
    password_hash: (.password_hash // .password | text),
    created_at
}
