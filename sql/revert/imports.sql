-- Revert autoflow:imports from pg

BEGIN;

DROP FUNCTION
    autoflow.export_account(autoflow.users),
    autoflow.import_accounts(text, jsonb, jsonb),
    autoflow.import_foresee(autoflow.import_row, jsonb),
    autoflow.import_preview(text, jsonb, jsonb),
    autoflow.import_end(uuid),
    autoflow.import_conflict(autoflow.imports, autoflow.import_row, uuid[]),
    autoflow.import_insert(autoflow.imports, autoflow.import_row[]),
    autoflow.import_roles(uuid, text[]),
    autoflow.import_creates(autoflow.import_row),
    autoflow.import_outcome(autoflow.import_row),
    autoflow.import_batch(uuid, bigint, jsonb),
    autoflow.import_begin(text, text, text, jsonb),
    autoflow.import_check_options(jsonb),
    autoflow.import_hash_problem(text),
    autoflow.import_profile_problems(jsonb),
    autoflow.import_read(text, jsonb, jsonb),
    autoflow.is_name(text),
    autoflow.import_names(jsonb),
    autoflow.import_boolean(text),
    autoflow.import_date(text),
    autoflow.import_time(text);
DROP TYPE autoflow.import_row;
DROP TABLE autoflow.imported_accounts, autoflow.imports;

COMMIT;
