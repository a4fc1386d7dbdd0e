-- Remembers in which language an account is used, when that has changed, for the
-- following login in the segment.
--
-- writes
-- columns: id uuid
--
-- :user_id
-- :accepted_language   not null
--
-- id                   no row: deleted

UPDATE autoflow.users
   SET language = :accepted_language::text
 WHERE id = :user_id::uuid
   AND deleted_at IS NULL
RETURNING id;
