-- Removes a factor of an account that lock_account has locked; with the last one
-- its recovery codes go, too.
--
-- writes
-- mails
-- columns: problem text, id uuid
--
-- :id, :user_id, :session_id
-- :mail                whether mails are on
-- :ip_address, :user_agent, :request_id, :trace_id     may be null
--
-- problem      reauthentication_required: it counts, and the session has given
--              no factor; last_way_in: there is no password, and no other passkey
--              that logs in alone
-- id           the factor; no row: it is not the account's

WITH factor AS MATERIALIZED (
    SELECT f.*,
           CASE WHEN f.confirmed_at IS NOT NULL
                     AND NOT autoflow.may_change_factors(f.user_id,
                                                         :session_id::uuid)
                THEN 'reauthentication_required'
                WHEN autoflow.signs_in(f)
                     AND u.password_hash IS NULL
                     AND NOT EXISTS (SELECT
                                       FROM autoflow.factors other
                                      WHERE other.user_id = f.user_id
                                        AND other.id <> f.id
                                        AND autoflow.signs_in(other))
                THEN 'last_way_in' END AS problem,
           NOT EXISTS (SELECT
                         FROM autoflow.factors other
                        WHERE other.user_id = f.user_id
                          AND other.id <> f.id
                          AND other.confirmed_at IS NOT NULL) AS is_last
      FROM autoflow.factors f
      JOIN autoflow.users u ON u.id = f.user_id
     WHERE f.id = :id::uuid
       AND f.user_id = :user_id::uuid
), removed AS (
    DELETE FROM autoflow.factors f
     USING factor
     WHERE f.id = factor.id
       AND factor.problem IS NULL
    RETURNING f.id, f.user_id, f.kind, f.name, f.confirmed_at, factor.is_last
), codes AS (
    DELETE FROM autoflow.recovery_codes c
     USING removed
     WHERE c.user_id = removed.user_id
       AND removed.is_last
), mail AS (
    INSERT INTO autoflow.outbox (kind, user_id, recipient, recipient_key)
    SELECT 'factor_removed', u.id, u.email, u.email_key
      FROM removed
      JOIN autoflow.users u ON u.id = removed.user_id
     WHERE removed.confirmed_at IS NOT NULL
       AND :mail::boolean
), event AS (
    INSERT INTO autoflow.audit_events
           (actor_id, action, target_id, ip_address, user_agent, request_id,
            trace_id, details)
    SELECT user_id, 'factor_removed', user_id, :ip_address::inet,
           :user_agent::text, :request_id::text, :trace_id::text,
           jsonb_build_object('factor', id, 'type', kind, 'name', name,
                              'last', is_last)
      FROM removed
     WHERE confirmed_at IS NOT NULL
)
SELECT problem, id
  FROM factor;
