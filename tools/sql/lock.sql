-- Locks an account (:account) out that somebody else has taken over.  They know
-- its password, may have added a passkey that logs in alone, and have used it from
-- their own address, which counts as familiar; what they have requested by mail may
-- still be under way.

BEGIN;

-- raises the epoch, so that all access tokens are revoked at once, and
-- withdraws a pending address
UPDATE autoflow.users
   SET is_active = false,
       password_hash = NULL,
       pending_email = NULL,
       pending_email_key = NULL,
       token_epoch = token_epoch + 1,
       updated_at = now()
 WHERE id = :'account';

WITH ended AS (
    UPDATE autoflow.sessions
       SET ended_at = now(),
           access_expires_at = '-infinity'   -- revoked with the account
     WHERE user_id = :'account'
       AND ended_at IS NULL
    RETURNING id
)
INSERT INTO autoflow.audit_events (action, target_id, details)
SELECT 'disabled', :'account',
       jsonb_build_object('scope', 'all', 'count', count(*))
  FROM ended;

DELETE FROM autoflow.recovery_codes WHERE user_id = :'account';

WITH removed AS (
    DELETE FROM autoflow.factors
     WHERE user_id = :'account'
    RETURNING id
)
INSERT INTO autoflow.audit_events (action, target_id, details)
SELECT 'factors_removed', :'account', jsonb_build_object('count', count(*))
  FROM removed
HAVING count(*) > 0;

UPDATE autoflow.outbox
   SET used_at = now()
 WHERE user_id = :'account'
   AND used_at IS NULL
   AND expires_at > now();

DELETE FROM autoflow.user_addresses WHERE user_id = :'account';

SELECT email || ' is disabled, without sessions, password and factors'
  FROM autoflow.users
 WHERE id = :'account';

COMMIT;
