-- A list of invitations, the latest first: an inviter's own, or all of them for
-- a superuser.
--
-- reads
-- custom plan
-- wide
-- columns: problem text, data json, total bigint, next text
--
-- :user_id, :superuser         the requesting user, and whether it is one
-- :inviters            the role of those who may invite besides superusers; may
--                      be null
-- :position            the id and time to begin with; may be null
-- :page, :size
--
-- problem      forbidden: this account invites nobody
-- data         Invitations
-- total        of all, counted to 10001; null with a position
-- next         the position of the next page, if any

WITH found AS NOT MATERIALIZED (
    SELECT i AS invitation, created_at, id
      FROM autoflow.invitations i
     WHERE expires_at > now()
       AND (:superuser::boolean OR invited_by = :user_id::uuid)
), page AS (
    SELECT *
      FROM found
     WHERE :position::text IS NULL
        OR (created_at, id) <= (substr(:position::text, 37)::timestamptz,
                                left(:position::text, 36)::uuid)
     ORDER BY created_at DESC, id DESC
     LIMIT :size::bigint + 1 OFFSET (:page::bigint - 1) * :size::bigint
)
SELECT CASE WHEN NOT EXISTS (SELECT
                               FROM autoflow.users u
                              WHERE id = :user_id::uuid
                                AND autoflow.may_invite(u, :inviters::text))
            THEN 'forbidden' END AS problem,
       (SELECT json_agg(autoflow.invitation_json(invitation))
          FROM (SELECT invitation FROM page LIMIT :size::bigint) AS shown)
           AS data,
       CASE WHEN :position::text IS NULL THEN
           (SELECT count(*) FROM (SELECT FROM found LIMIT 10001) AS few)
       END AS total,
       (SELECT id || autoflow.rfc3339(created_at)
          FROM page
        OFFSET :size::bigint) AS next;
