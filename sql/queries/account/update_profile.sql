-- Changes the profile of an account that lock_account has locked.  A new
-- address is pending until it is verified; the current one is notified, at most
-- once a minute, as these mails are all the same.
--
-- writes
-- mails
-- columns: problem text, json json
--
-- :user_id
-- :body                those of "full_name", "bio", "username" that change
-- :email, :email_key   the new address; null: unchanged; the current one: the
--                      pending one is withdrawn
-- :session_id
-- :verified_hash       the stored hash that was verified, if the address changes;
--                      null: there is none, and the session must be as for factors
-- :mail                whether mails are on
-- :dialect             of user_as()
-- :accepted_language   of the mail to a new address; null: none of ours
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      email_taken: another account has the address, and nothing was
--              changed; if it was never verified, it can be claimed
-- json         a User; no row: disabled, deleted, or the hash was replaced
--              after it was read, or the session has ended; or
--              users_username_key violated

WITH before AS (
    SELECT u AS account,
           EXISTS (SELECT
                     FROM autoflow.users other
                    WHERE other.email_key = :email_key::text
                      AND other.id <> u.id
                      AND other.deleted_at IS NULL) AS taken
      FROM autoflow.users u
     WHERE id = :user_id::uuid
       AND (:email::text IS NULL
            OR password_hash IS NOT DISTINCT FROM :verified_hash::text)
       AND (:email::text IS NULL
            OR :verified_hash::text IS NOT NULL
            OR autoflow.may_change_factors(u.id, :session_id::uuid))
       AND is_active
       AND deleted_at IS NULL
), after AS (
    UPDATE autoflow.users u
       SET (full_name, bio, username) =
           (SELECT c.full_name, c.bio, c.username
              FROM jsonb_populate_record(u, :body::jsonb) AS c),
           pending_email = CASE WHEN :email::text IS NULL
                                THEN u.pending_email
                                ELSE nullif(:email::text, u.email) END,
           pending_email_key = CASE WHEN :email::text IS NULL
                                    THEN u.pending_email_key
                                    WHEN :email::text <> u.email
                                    THEN :email_key::text END,
           updated_at = now()
      FROM before
     WHERE u.id = (account).id
       AND NOT taken
    RETURNING u AS account
), changes AS MATERIALIZED (
    SELECT (a.account).id,
           (a.account).email,
           (a.account).email_key,
           (a.account).pending_email,
           (a.account).pending_email_key,
           :email::text = (a.account).pending_email AS requested,
           array_remove(ARRAY[
               CASE WHEN (a.account).full_name
                         IS DISTINCT FROM (b.account).full_name
                    THEN 'full_name' END,
               CASE WHEN (a.account).bio IS DISTINCT FROM (b.account).bio
                    THEN 'bio' END,
               CASE WHEN (a.account).username
                         IS DISTINCT FROM (b.account).username
                    THEN 'username' END,
               CASE WHEN (a.account).pending_email IS NULL
                         AND (b.account).pending_email IS NOT NULL
                    THEN 'pending_email' END], NULL) AS fields
      FROM before b, after a
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail('change_email', id, pending_email,
                                 pending_email_key,
                                 :accepted_language::text) AS id
      FROM changes
     WHERE requested
       AND :mail::boolean
), notice AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'email_changed', id, email, email_key
      FROM changes c
     WHERE requested
       AND :mail::boolean
       AND NOT EXISTS (SELECT
                         FROM autoflow.outbox o
                        WHERE o.user_id = c.id
                          AND o.kind = 'email_changed'
                          AND o.expires_at > now()
                          AND o.created_at > now() - interval '1 minute')
), claim AS MATERIALIZED (
    SELECT CASE WHEN :mail::boolean
                THEN autoflow.claim_address(
                         :email::text, :email_key::text, :ip_address::inet,
                         :user_agent::text, :request_id::text,
                         :trace_id::text) END
      FROM before
     WHERE taken
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT id, action, id, :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text, details
      FROM changes,
           LATERAL (VALUES
               (fields <> '{}', 'updated',
                jsonb_build_object('fields', fields)),
               (requested, 'email_change_requested',
                jsonb_build_object('from', email, 'to', pending_email,
                                   'mailed',
                                   EXISTS (SELECT FROM mail
                                            WHERE mail.id IS NOT NULL))))
           AS e (happened, action, details)
     WHERE happened
)
SELECT NULL AS problem,
       autoflow.user_as(:dialect::text, after.account) AS json
  FROM after
 UNION ALL
SELECT 'email_taken', NULL
  FROM claim;
