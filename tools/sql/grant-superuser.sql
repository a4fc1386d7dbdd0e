-- Makes an account (:account) a superuser.

WITH promoted AS (
    UPDATE autoflow.users
       SET is_superuser = true,
           updated_at = now()
     WHERE id = :'account'
       AND NOT is_superuser
    RETURNING id
), event AS (
    INSERT INTO autoflow.audit_events (action, target_id)
    SELECT 'promoted', id FROM promoted
)
SELECT email || ' is a superuser from the next login or refresh on'
       || CASE WHEN is_active THEN '' ELSE ', but it is disabled' END
  FROM autoflow.users
 WHERE id = :'account';
