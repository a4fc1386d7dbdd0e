-- What the role that the module connects as (the session's) may do: too little,
-- or too much.

SELECT CASE
    WHEN NOT pg_has_role('autoflow_app', 'USAGE') THEN
        format('problem|the module connects as %s, which is not a member of '
               'autoflow_app|run: GRANT autoflow_app TO %1$I', session_user)
    WHEN (SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls
            FROM pg_roles WHERE rolname = session_user)
         OR pg_has_role((SELECT nspowner FROM pg_namespace
                          WHERE nspname = 'autoflow'), 'MEMBER')
    THEN
        format('problem|the module connects as %s, which may do anything to its '
               'database|use autoflow_app, or a role that is only its member',
               session_user)
    WHEN has_function_privilege('autoflow.audit_maintain(interval)', 'EXECUTE')
    THEN
        'problem|the module''s role has privileges that only an earlier version '
        'needs|when no node has that: autoflow privileges'
    ELSE
        format('ok|the module connects as %s, and may do what it needs',
               session_user)
    END;
