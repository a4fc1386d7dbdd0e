# Flask with SQLAlchemy and bcrypt:
#
#   users (id, full_name, email, password_hash, is_active, created_at,
#          updated_at, last_login, email_verified, …)
{
    id,
    email,
    email_verified: (.email_verified | boolean),
    full_name: (.full_name | text),
    password_hash: (.password_hash | text),
    is_active: (if .is_active | text == null then true
                else .is_active | boolean end),
    created_at,
    updated_at,
    last_login_at: .last_login
}
