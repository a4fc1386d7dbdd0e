-- How many active superusers there are.

SELECT count(*)
  FROM autoflow.users
 WHERE is_superuser
   AND is_active
   AND deleted_at IS NULL;
