-- Verify autoflow:passkey_accounts on pg

BEGIN;

SELECT has_function_privilege('autoflow.add_passkey(uuid, text, jsonb)',
                              'execute');

ROLLBACK;
