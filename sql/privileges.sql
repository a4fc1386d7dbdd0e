-- The privileges that the module needs.  Whatever else its role has been granted
-- in the schema is taken away, such as what only the previous version needs:
--
--     psql -f sql/privileges.sql      as the owner of the schema, after the first
--                                     deployment, and after each upgrade when no
--                                     node of the previous version is left
--     psql -v previous=1 -f …         to go back to that version
--
-- It waits for nobody, and may be repeated.  t/26-privileges.t compares it with
-- the statements.

\set ON_ERROR_STOP 1

BEGIN;

REVOKE ALL ON ALL TABLES IN SCHEMA autoflow FROM autoflow_app;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA autoflow FROM autoflow_app;
REVOKE ALL ON SCHEMA autoflow FROM autoflow_app;

GRANT USAGE ON SCHEMA autoflow TO autoflow_app;


-- Accounts.

GRANT SELECT,
      INSERT (id, email, email_key, username, full_name, password_hash,
              is_superuser, email_verified, verify_first, language,
              user_handle),
      UPDATE (email, email_key, pending_email, pending_email_key, username,
              full_name, bio, password_hash, is_active, is_superuser,
              email_verified, token_epoch, tokens_stale_at, updated_at,
              last_login_at, deleted_at, language, user_handle)
    ON autoflow.users TO autoflow_app;

GRANT SELECT ON autoflow.user_names TO autoflow_app;

GRANT SELECT ON autoflow.user_addresses TO autoflow_app;

GRANT SELECT ON autoflow.failed_attempts TO autoflow_app;

GRANT SELECT,
      INSERT (user_id, kind, name, sealed_seed, confirmed_at, last_used_at,
              credential_id, public_key, algorithm, counter, transports,
              user_verified, backup_eligible, backed_up, attestation, aaguid,
              user_handle, discoverable),
      UPDATE (name, confirmed_at, last_used_at, last_step, sealed_seed),
      DELETE
    ON autoflow.factors TO autoflow_app;

GRANT SELECT (user_id, hash, used_at),
      INSERT (user_id, hash),
      DELETE
    ON autoflow.recovery_codes TO autoflow_app;

GRANT SELECT,
      INSERT (user_id, hash, device_info, ip_address, expires_at),
      UPDATE (last_used_at, ip_address),
      DELETE
    ON autoflow.devices TO autoflow_app;

GRANT SELECT ON autoflow.imported_accounts TO autoflow_app;

GRANT SELECT,
      INSERT (email, email_key, roles, invited_by, expires_at, language),
      UPDATE (id, email, roles, invited_by, created_at, mailed_at, expires_at,
              language),
      DELETE
    ON autoflow.invitations TO autoflow_app;

GRANT SELECT,
      INSERT (name, description)
    ON autoflow.roles TO autoflow_app;

GRANT SELECT (user_id, role_id),
      INSERT (user_id, role_id),
      DELETE
    ON autoflow.user_roles TO autoflow_app;


-- Sessions.

GRANT SELECT,
      INSERT (user_id, device_info, ip_address, number, expires_at,
              access_expires_at, authenticated_at, amr, aal),
      UPDATE (number, random, token_hash, previous_hash, rotated_at,
              expires_at, access_expires_at, last_used_at, ip_address,
              ended_at, authenticated_at, amr, aal)
    ON autoflow.sessions TO autoflow_app;

GRANT SELECT (token_hash, session_id)
    ON autoflow.refresh_tokens TO autoflow_app;

GRANT SELECT ON autoflow.revocations TO autoflow_app;


-- Mails, the audit log, jobs.

GRANT SELECT,
      INSERT (kind, user_id, recipient, recipient_key, language),
      UPDATE (due_at, attempts, sent_at, failed_at, last_error, used_at)
    ON autoflow.outbox TO autoflow_app;

GRANT SELECT,
      INSERT (actor_id, action, target_id, ip_address, user_agent,
              request_id, details, trace_id)
    ON autoflow.audit_events TO autoflow_app;

GRANT SELECT,
      INSERT (name, holder, period, until),
      UPDATE (holder, fence, period, until, ran_at, position)
    ON autoflow.jobs TO autoflow_app;


-- The directory.

GRANT SELECT,
      INSERT (user_id, first_name, last_name),
      UPDATE (first_name, last_name, date_of_birth, gender, location_id, bio,
              profile_picture_url, is_public, allow_contact, updated_at)
    ON autoflow.profiles TO autoflow_app;

GRANT SELECT,
      INSERT (profile_id, type, value, is_primary),
      UPDATE (type, value, is_primary, is_active, updated_at, deactivated_at)
    ON autoflow.contacts TO autoflow_app;

GRANT SELECT,
      INSERT (profile_id, title, company, organization_id, industry,
              start_date, end_date),
      UPDATE (title, company, organization_id, industry, start_date,
              end_date, is_active, updated_at, deactivated_at)
    ON autoflow.employments TO autoflow_app;

GRANT SELECT,
      INSERT (created_by, country, state_province, city, postal_code),
      UPDATE (country, state_province, city, postal_code, is_active,
              updated_at, deactivated_at)
    ON autoflow.locations TO autoflow_app;

GRANT SELECT,
      INSERT (created_by, name, description, website_url, industry,
              location_id),
      UPDATE (name, description, website_url, industry, location_id,
              is_active, updated_at, deactivated_at)
    ON autoflow.organizations TO autoflow_app;


-- Messages.

GRANT SELECT (user_id, last_number),
      INSERT (user_id, last_number),
      UPDATE (last_number)
    ON autoflow.mailboxes TO autoflow_app;

GRANT SELECT,
      INSERT (conversation_id, sender_id, recipient_id, content, parent_id),
      UPDATE (read_at)
    ON autoflow.messages TO autoflow_app;

GRANT SELECT,
      INSERT,
      UPDATE (unread),
      DELETE
    ON autoflow.message_entries TO autoflow_app;

GRANT SELECT,
      INSERT,
      UPDATE (last_number, unread_count),
      DELETE
    ON autoflow.conversations TO autoflow_app;


-- Whatever is not a trigger's.  Those that are SECURITY DEFINER do more than the
-- role may: they delete what has expired, delete and lock roles, and know from
-- where an account was used.

GRANT EXECUTE ON FUNCTION
    autoflow.account_revocation(autoflow.users),
    autoflow.add_passkey(uuid, text, jsonb),
    autoflow.audit_after(bigint, xid8, uuid, bigint),
    autoflow.audit_json(autoflow.audit_events),
    autoflow.audit_partitions(),
    autoflow.claim_address(text, text, inet, text, text, text),
    autoflow.claim_job(text[], bigint[], text),
    autoflow.cluster_id(),
    autoflow.code_seconds_left(uuid),
    autoflow.contact_json(autoflow.contacts),
    autoflow.count_code_failure(uuid),
    autoflow.count_failure(uuid, text, bigint),
    autoflow.credential_json(autoflow.factors),
    autoflow.delete_role(uuid, interval),
    autoflow.email_key(text),
    autoflow.employment_json(autoflow.employments),
    autoflow.end_sessions(uuid, uuid, boolean, text, uuid, inet, text, text,
                          text),
    autoflow.factor_json(autoflow.factors),
    autoflow.factor_problem(uuid, uuid),
    autoflow.factor_time(autoflow.sessions),
    autoflow.forget_code_failures(uuid),
    autoflow.handle_of(autoflow.users),
    autoflow.has_device(uuid, text[]),
    autoflow.has_factors(uuid),
    autoflow.is_email(text),
    autoflow.is_notice(text),
    autoflow.invitation_json(autoflow.invitations),
    autoflow.invitation_of(uuid, text),
    autoflow.is_text(text, integer, integer),
    autoflow.is_verified(autoflow.users, boolean),
    autoflow.job_fence(text, bigint),
    autoflow.json_with(json, text, json),
    autoflow.lacks_factor(autoflow.users, integer, text[]),
    autoflow.listed_contacts(uuid, boolean, boolean, text, boolean, text,
                             bigint, uuid, text),
    autoflow.listed_employments(uuid, boolean, boolean, text, boolean, text,
                                bigint, uuid, text, text, boolean),
    autoflow.listed_locations(uuid, boolean, boolean, text, boolean, text,
                              bigint, text, text),
    autoflow.listed_organizations(uuid, boolean, boolean, text, boolean, text,
                                  bigint, text, text),
    autoflow.listed_profiles(uuid, boolean, boolean, text, boolean, text,
                             bigint),
    autoflow.location_json(autoflow.locations, boolean),
    autoflow.location_refers(uuid, uuid, boolean),
    autoflow.lock_role_ids(uuid[]),
    autoflow.lock_roles(json),
    autoflow.mail_expiry(text, timestamptz),
    autoflow.mail_maintain(),
    autoflow.mailed_json(),
    autoflow.masked_email(text),
    autoflow.may_change_factors(uuid, uuid),
    autoflow.may_give(autoflow.users, text, text),
    autoflow.may_invite(autoflow.users, text),
    autoflow.message_json(autoflow.messages),
    autoflow.methods_json(text[]),
    autoflow.network_of(inet),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text, text, bigint, text),
    autoflow.organization_json(autoflow.organizations, boolean),
    autoflow.organization_refers(uuid, uuid, boolean),
    autoflow.passkey_methods(autoflow.factors),
    autoflow.profile_json(autoflow.profiles),
    autoflow.profile_visibility(autoflow.profiles),
    autoflow.profile_with(autoflow.profiles, uuid, boolean, text[]),
    autoflow.profile_with(autoflow.profiles, uuid, boolean, text[], bigint),
    autoflow.proof_time(autoflow.sessions),
    autoflow.prove_session(uuid, uuid, text[], integer, bigint, bigint),
    autoflow.purge(),
    autoflow.purge_addresses(),
    autoflow.purge_challenges(),
    autoflow.purge_devices(),
    autoflow.purge_failures(),
    autoflow.purge_invitations(),
    autoflow.purge_mailboxes(),
    autoflow.purge_roles(),
    autoflow.readable_contacts(uuid, boolean, boolean, text, boolean),
    autoflow.readable_employments(uuid, boolean, boolean, text, boolean),
    autoflow.readable_locations(uuid, boolean, boolean, text, boolean),
    autoflow.readable_organizations(uuid, boolean, boolean, text, boolean),
    autoflow.readable_profiles(uuid, boolean, boolean, text, boolean),
    autoflow.reference_errors(text),
    autoflow.refresh_problem(text),
    autoflow.refresh_verdict(autoflow.users, autoflow.sessions, bigint, bytea,
                             bigint),
    autoflow.remember_device(uuid, text, bigint, inet, text),
    autoflow.request_mail(text, uuid, text, text),
    autoflow.request_mail(text, uuid, text, text, text),
    autoflow.revocation(uuid, bigint, timestamptz, timestamptz),
    autoflow.rfc3339(timestamptz),
    autoflow.role_id(text),
    autoflow.role_json(autoflow.roles),
    autoflow.role_names(uuid),
    autoflow.schema_version(),
    autoflow.session_claims(autoflow.users, autoflow.sessions),
    autoflow.session_lacks_factor(autoflow.users, autoflow.sessions, text[],
                                  boolean),
    autoflow.session_lives(autoflow.sessions),
    autoflow.session_random(),
    autoflow.session_revocation(autoflow.sessions),
    autoflow.session_verdict(autoflow.users, autoflow.sessions, bigint, bytea,
                             boolean, bigint, bigint, bigint),
    autoflow.sessions_are_many(bigint),
    autoflow.signs_in(autoflow.factors),
    autoflow.use_address(uuid, inet),
    autoflow.use_challenge(jsonb),
    autoflow.use_passkey(uuid, uuid, boolean, jsonb, boolean, inet, text, text,
                         text),
    autoflow.use_code(uuid, uuid, bigint, text, text, boolean),
    autoflow.use_device(uuid, text[], inet),
    autoflow.user_as(text, autoflow.users),
    autoflow.user_as(text, autoflow.users, text[]),
    autoflow.user_json(autoflow.users),
    autoflow.user_json(autoflow.users, text[]),
    autoflow.uuid7()
    TO autoflow_app;


\if :{?previous}

-- What version 0.1 needs besides.

GRANT INSERT (last_login_at) ON autoflow.users TO autoflow_app;
GRANT DELETE ON autoflow.roles TO autoflow_app;
GRANT SELECT ON autoflow.mailboxes, autoflow.user_roles TO autoflow_app;
GRANT SELECT, INSERT ON autoflow.refresh_tokens TO autoflow_app;
GRANT INSERT ON autoflow.sessions TO autoflow_app;

GRANT EXECUTE ON FUNCTION
    autoflow.audit_is_overdue(),
    autoflow.audit_maintain(interval),
    autoflow.claim_address(text, text, inet, text, text),
    autoflow.claims_json(autoflow.users, uuid),
    autoflow.list_json(json, bigint, bigint, bigint),
    autoflow.open_session(uuid, text[], integer, bigint, bigint, bigint, inet,
                          text),
    autoflow.request_mail(text, uuid, text)
    TO autoflow_app;

\endif

COMMIT;
