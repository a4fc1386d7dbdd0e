-- Invites the owner of an address; lock_account has locked the inviter, so that
-- it is not disabled meanwhile, and its invitations are counted.
--
-- writes
-- mails
-- columns: problem text, errors json, json json
--
-- :user_id             the inviter
-- :email, :email_key
-- :roles               a JSON array of names; may be null
-- :inviters            the role of those who may invite besides superusers; may
--                      be null
-- :invitation_ttl      in seconds
-- :mail                whether mails are on
-- :accepted_language   of its mails; null: none of ours
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      forbidden: to invite, or to give one of the roles; no row: no
--              such account
-- errors       unknown roles
-- json         an Invitation

WITH inviter AS MATERIALIZED (
    SELECT u AS account
      FROM autoflow.users u
     WHERE id = :user_id::uuid
), given AS MATERIALIZED (
    SELECT DISTINCT name, locked.id
      FROM json_array_elements_text(:roles::json) AS n (name)
      LEFT JOIN autoflow.lock_roles(:roles::json) AS locked USING (name)
), names AS MATERIALIZED (
    SELECT CASE WHEN bool_or(id IS NULL) THEN json_build_array(
               json_build_object(
                   'field', 'roles',
                   'code', 'reference',
                   'message', 'has names of no role: '
                              || string_agg(name, ', ' ORDER BY name COLLATE "C")
                                     FILTER (WHERE id IS NULL))) END AS errors,
           coalesce(array_agg(id ORDER BY id), '{}') AS ids,
           coalesce(array_agg(name ORDER BY name COLLATE "C"), '{}') AS roles
      FROM given
), decision AS MATERIALIZED (
    SELECT CASE
               WHEN NOT autoflow.may_invite(account, :inviters::text)
                    OR EXISTS (SELECT
                                 FROM given
                                WHERE NOT autoflow.may_give(account, name,
                                                            :inviters::text))
               THEN 'forbidden'
               WHEN errors IS NOT NULL THEN NULL
               WHEN NOT :mail::boolean THEN 'mail_off'
               WHEN EXISTS (SELECT
                              FROM autoflow.users
                             WHERE email_key = :email_key::text
                               AND deleted_at IS NULL)
               THEN 'email_taken'
               WHEN EXISTS (SELECT
                              FROM autoflow.invitations
                             WHERE email_key = :email_key::text
                               AND expires_at > now())
               THEN 'already_invited'
               WHEN (SELECT count(*)
                       FROM autoflow.invitations
                      WHERE invited_by = :user_id::uuid
                        AND expires_at > now()) >= 1000
               THEN 'limit_reached'
           END AS problem,
           errors, ids, roles
      FROM inviter, names
), mail AS MATERIALIZED (
    SELECT autoflow.request_mail('invitation', :user_id::uuid, :email::text,
                                 :email_key::text, :accepted_language::text)
               AS id
      FROM decision
     WHERE problem IS NULL
       AND errors IS NULL
), invitation AS (
    -- an expired one may still be there
    INSERT INTO autoflow.invitations AS old
           (email, email_key, roles, invited_by, expires_at, language)
    SELECT :email::text, :email_key::text, ids, :user_id::uuid,
           now() + :invitation_ttl::bigint * interval '1 second',
           :accepted_language::text
      FROM decision, mail
     WHERE mail.id IS NOT NULL
    ON CONFLICT (email_key) DO UPDATE
       SET id = excluded.id,
           email = excluded.email,
           roles = excluded.roles,
           invited_by = excluded.invited_by,
           created_at = excluded.created_at,
           mailed_at = excluded.mailed_at,
           expires_at = excluded.expires_at,
           language = excluded.language
     WHERE old.expires_at <= now()
    RETURNING old.*
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, ip_address, user_agent, request_id, trace_id,
            details)
    SELECT :user_id::uuid, 'invited', :ip_address::inet, :user_agent::text,
           :request_id::text, :trace_id::text,
           jsonb_build_object('invitation_id', id, 'email', email,
                              'roles', decision.roles)
      FROM invitation, decision
)
SELECT coalesce(problem,
                CASE WHEN errors IS NULL AND invitation.id IS NULL
                     THEN 'limit_reached' END) AS problem,
       CASE WHEN problem IS NULL THEN errors END AS errors,
       CASE WHEN invitation.id IS NOT NULL
            THEN autoflow.invitation_json(invitation) END AS json
  FROM decision
  LEFT JOIN invitation ON true;
