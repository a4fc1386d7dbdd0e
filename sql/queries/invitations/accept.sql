-- Accepts an invitation, which is locked: creates the account, whose address is
-- verified, with its profile.  It gets the roles that still exist, and that the
-- inviter could still give.  It has a password, or a passkey instead.
--
-- writes
-- mails
-- columns: problem text
--
-- :mail_id, :inviters          as for look
-- :username, :full_name, :first_name, :last_name       may be null
-- :password_hash       null: it has none
-- :credential          of add_passkey(); null: it has none
-- :passkey_name        may be null
-- :new_id, :hashes     its id, and those of its recovery codes, in hex; null: it has
--                      none
-- :mail                whether mails are on
-- :accepted_language   the account's; null: none of ours
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      email_taken: there is an account by now, and the invitation
--              remains; if the account was never verified, it can be claimed;
--              no row: it isn't valid, or the challenge was used; or
--              users_username_key or factors_credential_id_idx violated

WITH valid AS MATERIALIZED (
    SELECT i AS invitation, u AS inviter
      FROM autoflow.invitations i
      JOIN autoflow.users u ON u.id = i.invited_by
     WHERE i.id = autoflow.invitation_of(:mail_id::uuid, :inviters::text)
), invitation AS MATERIALIZED (
    SELECT invitation, inviter
      FROM valid
     WHERE :credential::jsonb IS NULL
        OR autoflow.use_challenge(:credential::jsonb)
), given AS MATERIALIZED (
    SELECT role.id, role.name
      FROM invitation,
           LATERAL autoflow.lock_role_ids((invitation).roles) AS role
     WHERE autoflow.may_give(inviter, role.name, :inviters::text)
), account AS (
    INSERT INTO autoflow.users
           (id, email, email_key, username, full_name, password_hash,
            email_verified, language, user_handle)
    SELECT coalesce(:new_id::uuid, autoflow.uuid7()), (invitation).email,
           (invitation).email_key, :username::text, :full_name::text,
           :password_hash::text, true, :accepted_language::text,
           decode(:credential::jsonb ->> 'user_handle', 'hex')
      FROM invitation
    ON CONFLICT (email_key) WHERE deleted_at IS NULL DO NOTHING
    RETURNING *
), profile AS (
    INSERT INTO autoflow.profiles (user_id, first_name, last_name)
    SELECT id, :first_name::text, :last_name::text
      FROM account
), passkey AS (
    SELECT p.id
      FROM account,
           LATERAL autoflow.add_passkey(
               account.id, coalesce(:passkey_name::text, 'Passkey'),
               :credential::jsonb) AS p
     WHERE :credential::jsonb IS NOT NULL
), codes AS (
    INSERT INTO autoflow.recovery_codes (user_id, hash)
    SELECT account.id, decode(h.hash, 'hex')
      FROM account, unnest(:hashes::text[]) AS h (hash)
), membership AS (
    INSERT INTO autoflow.user_roles (user_id, role_id)
    SELECT account.id, given.id
      FROM account, given
), gone AS (
    DELETE FROM autoflow.invitations i
     USING account
     WHERE i.email_key = account.email_key
), token AS (
    UPDATE autoflow.outbox o
       SET used_at = now()
      FROM account
     WHERE o.id = :mail_id::uuid
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT account.id, 'invitation_accepted', account.id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object(
               'invitation_id', (invitation).id,
               'invited_by', (invitation).invited_by,
               'roles', (SELECT coalesce(array_agg(name ORDER BY name
                                                        COLLATE "C"), '{}')
                           FROM given))
           || CASE WHEN EXISTS (SELECT FROM passkey)
                   THEN '{"type":"webauthn"}'::jsonb ELSE '{}' END
      FROM account, invitation
), taken AS MATERIALIZED (
    SELECT CASE WHEN :mail::boolean
                THEN autoflow.claim_address(
                         (invitation).email, (invitation).email_key,
                         :ip_address::inet, :user_agent::text,
                         :request_id::text, :trace_id::text) END
      FROM invitation
     WHERE NOT EXISTS (SELECT FROM account)
)
SELECT NULL AS problem
  FROM account
 UNION ALL
SELECT 'email_taken'
  FROM taken;
