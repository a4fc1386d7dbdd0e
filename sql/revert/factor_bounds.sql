-- Revert autoflow:factor_bounds from pg

BEGIN;

SET LOCAL lock_timeout = '5s';

DROP TRIGGER outbox_notices ON autoflow.outbox;
DROP FUNCTION autoflow.outbox_notices();

CREATE OR REPLACE FUNCTION autoflow.may_change_factors(account uuid,
    session uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT autoflow.has_factors(account)
    OR EXISTS (SELECT
                 FROM autoflow.sessions s
                WHERE s.id = session
                  AND s.user_id = account
                  AND s.aal >= 2);

COMMIT;
