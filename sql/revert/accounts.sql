-- Revert autoflow:accounts from pg

BEGIN;

DROP FUNCTION autoflow.claims_json(autoflow.users, uuid);
DROP FUNCTION autoflow.user_json(autoflow.users);
DROP FUNCTION autoflow.role_names(uuid);
DROP TABLE autoflow.refresh_tokens;
DROP TABLE autoflow.sessions;
DROP TABLE autoflow.profiles;
DROP TABLE autoflow.user_roles;
DROP TABLE autoflow.roles;
DROP TABLE autoflow.users;

COMMIT;
