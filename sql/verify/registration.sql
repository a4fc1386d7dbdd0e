-- Verify autoflow:registration on pg

BEGIN;

SELECT id, email, email_key, roles, invited_by, created_at, mailed_at,
       expires_at
  FROM autoflow.invitations
 WHERE false;

SELECT verify_first FROM autoflow.users WHERE false;

-- an account without rights neither invites nor gives

SELECT 1 / (NOT autoflow.may_invite(u, 'role')
            AND NOT autoflow.may_give(u, 'role', NULL)
            AND autoflow.is_verified(u, false))::integer
  FROM jsonb_populate_record(NULL::autoflow.users,
                             '{"is_superuser": false, "is_active": true,
                               "email_verified": false}') AS u;

SELECT 1 / (count(*) = 1)::integer
  FROM pg_catalog.pg_trigger
 WHERE tgrelid = 'autoflow.users'::regclass
   AND tgname = 'users_end_invitations';

SELECT 1 / convalidated::integer
  FROM pg_catalog.pg_constraint
 WHERE conrelid = 'autoflow.outbox'::regclass
   AND conname = 'outbox_kind_check';

SELECT 1 / (has_table_privilege('autoflow_app', 'autoflow.invitations',
                                'DELETE')
            AND has_function_privilege('autoflow_app',
                                       'autoflow.purge_invitations()',
                                       'EXECUTE'))::integer;

ROLLBACK;
