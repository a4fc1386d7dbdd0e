-- Changes an account, which is locked.  A new address is verified only if the
-- request says so, and replaces a pending one.
--
-- writes
-- columns: json json, revoked text
--
-- :id
-- :body                those of "full_name", "bio", "username" that change
-- :email_verified      null: unchanged
-- :email, :email_key                                   likewise
-- :user_id             the requesting user
-- :dialect             of user_as()
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- json         a User; no row: not found; or users_email_key,
--              users_username_key violated
-- revoked      the account, if its tokens are outdated; may be null

WITH before AS (
    SELECT u AS account
      FROM autoflow.users u
     WHERE id = :id::uuid
       AND deleted_at IS NULL
), after AS (
    UPDATE autoflow.users u
       SET (full_name, bio, username) =
           (SELECT c.full_name, c.bio, c.username
              FROM jsonb_populate_record(u, :body::jsonb) AS c),
           email = coalesce(:email::text, u.email),
           email_key = coalesce(:email_key::text, u.email_key),
           email_verified =
               coalesce(:email_verified::boolean,
                        u.email_verified
                        AND u.email_key
                            = coalesce(:email_key::text, u.email_key)),
           pending_email =
               CASE WHEN :email::text IS NULL THEN u.pending_email END,
           pending_email_key =
               CASE WHEN :email::text IS NULL THEN u.pending_email_key END,
           updated_at = now()
      FROM before
     WHERE u.id = (account).id
    RETURNING u AS account
), changes AS (
    SELECT a.account,
           (a.account).email <> (b.account).email AS email,
           (a.account).email_verified AS verified,
           (b.account).email_verified AS verified_before,
           array_remove(ARRAY[
               CASE WHEN (a.account).full_name
                         IS DISTINCT FROM (b.account).full_name
                    THEN 'full_name' END,
               CASE WHEN (a.account).bio IS DISTINCT FROM (b.account).bio
                    THEN 'bio' END,
               CASE WHEN (a.account).username
                         IS DISTINCT FROM (b.account).username
                    THEN 'username' END], NULL) AS fields,
           jsonb_build_object('from', (b.account).email,
                              'to', (a.account).email,
                              'verified', (a.account).email_verified)
               AS addresses,
           (a.account).token_epoch <> (b.account).token_epoch AS revoked
      FROM before b, after a
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT :user_id::uuid, action, (account).id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text, details
      FROM changes,
           LATERAL (VALUES
               (fields <> '{}', 'updated',
                jsonb_build_object('fields', fields)),
               (email, 'email_changed', addresses),
               (NOT email AND verified AND NOT verified_before,
                'email_verified', '{}'),
               (NOT email AND verified_before AND NOT verified,
                'email_unverified', '{}'))
           AS e (happened, action, details)
     WHERE happened
)
SELECT autoflow.user_as(:dialect::text, account) AS json,
       CASE WHEN revoked THEN autoflow.account_revocation(account) END
           AS revoked
  FROM changes;
