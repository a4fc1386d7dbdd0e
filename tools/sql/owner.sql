-- Who owns the schema, or will.

SELECT coalesce(
    (SELECT pg_get_userbyid(nspowner)
       FROM pg_namespace
      WHERE nspname = 'autoflow'),
    (SELECT rolname
       FROM pg_roles
      WHERE rolname = 'autoflow'
        AND pg_has_role(oid, 'MEMBER')
        AND has_database_privilege(oid, current_database(), 'CREATE')),
    current_user);
