-- Claims the mail that has waited longest, for two minutes: if it is neither
-- sent nor failed by then, its worker is gone, and another may claim it.
--
-- writes
-- columns: id uuid, kind text, recipient text, name text, account text,
--          since text, language text, created bigint, attempt integer,
--          void text
--
-- name         the owner's name; the address unless the owner has verified it,
--              so that strangers can't have texts of their choice sent to it
-- account      the account's address, mostly masked, as the recipient need not be
--              the account's owner; but not an inviter's
-- since        the day of its creation: a similar address is easy to get, but
--              not an account of years ago
-- language     that of whoever has caused it, or else the account's; may be null
-- created      in seconds since 1970
-- attempt      its number, from 1
-- void         why it must not be sent any more, or null
--
-- no row: nothing to send

WITH due AS MATERIALIZED (
    SELECT id
      FROM autoflow.outbox
     WHERE sent_at IS NULL
       AND failed_at IS NULL
       AND due_at <= now()
     ORDER BY due_at
     LIMIT 1
       FOR UPDATE SKIP LOCKED
)
UPDATE autoflow.outbox o
   SET due_at = now() + interval '2 minutes',
       attempts = attempts + 1
  FROM due, autoflow.users u
 WHERE o.id = due.id
   AND u.id = o.user_id
RETURNING o.id,
          o.kind,
          o.recipient,
          CASE WHEN u.email_verified AND u.email = o.recipient
               THEN coalesce(u.full_name, u.username, o.recipient)
               ELSE o.recipient END AS name,
          CASE o.kind WHEN 'invitation' THEN u.email
                      ELSE autoflow.masked_email(u.email) END AS account,
          to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS since,
          coalesce(o.language, u.language) AS language,
          floor(extract(epoch FROM o.created_at))::bigint AS created,
          o.attempts AS attempt,
          CASE WHEN o.used_at IS NOT NULL OR u.deleted_at IS NOT NULL
                    OR (o.kind = 'invitation'
                        AND NOT EXISTS (
                            SELECT
                              FROM autoflow.invitations i
                             WHERE i.email_key = o.recipient_key
                               AND i.created_at <= o.created_at
                               AND i.expires_at > now()))
               THEN 'nobody needs it any more'
               WHEN o.expires_at <= now()
               THEN concat_ws(': ', 'it could not be sent in time',
                              o.last_error)
          END AS void;
