-- Creates an account with its profile for someone else, and mails a token that
-- verifies the address, unless it is verified.
--
-- writes
-- mails
-- columns: json json, errors json
--
-- :email, :email_key, :password_hash
-- :username, :full_name, :first_name, :last_name       may be null
-- :is_superuser, :email_verified                       null: false
-- :roles               a JSON array of names; may be null
-- :mail                whether mails are on
-- :user_id             the requesting user
-- :accepted_language   of mails; null: none of ours
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json, errors         a User; or unknown roles, and nothing was changed; or
--                      users_email_key, users_username_key violated

WITH given AS MATERIALIZED (
    SELECT DISTINCT name, locked.id
      FROM json_array_elements_text(:roles::json) AS n (name)
      LEFT JOIN autoflow.lock_roles(:roles::json) AS locked USING (name)
), names AS (
    SELECT CASE WHEN bool_or(id IS NULL) THEN json_build_array(
               json_build_object(
                   'field', 'roles',
                   'code', 'reference',
                   'message', 'has names of no role: '
                              || string_agg(name, ', ' ORDER BY name COLLATE "C")
                                     FILTER (WHERE id IS NULL))) END AS errors,
           coalesce(array_agg(name ORDER BY name COLLATE "C"), '{}') AS roles
      FROM given
), account AS (
    INSERT INTO autoflow.users
           (email, email_key, username, full_name, password_hash,
            is_superuser, email_verified)
    SELECT :email::text, :email_key::text, :username::text,
           :full_name::text, :password_hash::text,
           coalesce(:is_superuser::boolean, false),
           coalesce(:email_verified::boolean, false)
      FROM names
     WHERE errors IS NULL
    RETURNING *
), profile AS (
    INSERT INTO autoflow.profiles (user_id, first_name, last_name)
    SELECT id, :first_name::text, :last_name::text
      FROM account
), membership AS (
    INSERT INTO autoflow.user_roles (user_id, role_id)
    SELECT account.id, given.id
      FROM account, given
), mail AS (
    INSERT INTO autoflow.outbox
           (kind, user_id, recipient, recipient_key, language)
    SELECT 'verify_email', id, email, email_key, :accepted_language::text
      FROM account
     WHERE :mail::boolean
       AND NOT email_verified
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, 'created', account.id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('is_superuser', is_superuser, 'roles', roles)
      FROM account, names
)
SELECT autoflow.user_as(:dialect::text, account, roles) AS json, errors
  FROM names
  LEFT JOIN account ON true;
