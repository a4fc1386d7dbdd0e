-- All stored data of an account, except credentials; of unbounded data the
-- latest 10,000.  Of messages and organizations the latest whose texts have 8
-- MiB together: lengths are known without reading the texts.
--
-- reads
-- wide
-- columns: json json
--
-- :user_id
-- :dialect             of user_as()
--
-- json         Export; no row: disabled or deleted

WITH account AS (
    SELECT u
      FROM autoflow.users u
     WHERE id = :user_id::uuid
       AND is_active
       AND deleted_at IS NULL
), entries AS MATERIALIZED (
    SELECT number,
           message_id,
           row_number() OVER latest > 10000
               OR sum(octet_length(content)) OVER latest > 8388608 AS cut
      FROM (SELECT number, message_id
              FROM autoflow.message_entries
             WHERE user_id = :user_id::uuid
             ORDER BY number DESC
             LIMIT 10001) AS e
      JOIN autoflow.messages m ON m.id = message_id
    WINDOW latest AS (ORDER BY number DESC)
), created AS MATERIALIZED (
    SELECT id,
           row_number() OVER latest > 10000
               OR sum(octet_length(concat(name, website_url, industry))
                      + coalesce(octet_length(description), 0))
                  OVER latest > 8388608 AS cut
      FROM (SELECT *
              FROM autoflow.organizations
             WHERE created_by = :user_id::uuid
             ORDER BY created_at DESC, id DESC
             LIMIT 10001) AS o
    WINDOW latest AS (ORDER BY created_at DESC, id DESC)
), events AS MATERIALIZED (
    SELECT *
      FROM (SELECT *
              FROM (SELECT *
                      FROM autoflow.audit_events
                     WHERE actor_id = :user_id::uuid
                     ORDER BY at DESC, id DESC
                     LIMIT 10001) AS done
             UNION
            SELECT *
              FROM (SELECT *
                      FROM autoflow.audit_events
                     WHERE target_id = :user_id::uuid
                     ORDER BY at DESC, id DESC
                     LIMIT 10001) AS suffered) AS either
     ORDER BY at DESC, id DESC
     LIMIT 10001
)
SELECT row_to_json(export) AS json
  FROM account,
       (SELECT json_agg(name) AS cut
          FROM (VALUES
              ('organizations', EXISTS (SELECT FROM created WHERE cut)),
              ('messages', EXISTS (SELECT FROM entries WHERE cut)),
              ('events', (SELECT count(*) FROM events) > 10000))
               AS v (name, cut)
         WHERE cut) AS c,
       LATERAL (
    SELECT autoflow.rfc3339(now()) AS exported_at,
           cut IS NULL AS complete,
           coalesce(cut, '[]') AS cut,
           autoflow.user_as(:dialect::text, u) AS "user",
           (u).language,
           (SELECT autoflow.profile_json(p)
              FROM autoflow.profiles p
             WHERE user_id = (u).id) AS profile,
           (SELECT coalesce(json_agg(autoflow.contact_json(c) ORDER BY id), '[]')
              FROM (SELECT *
                      FROM autoflow.contacts
                     WHERE user_id = (u).id
                     LIMIT 10000) AS c) AS contacts,
           (SELECT coalesce(json_agg(autoflow.employment_json(e) ORDER BY id),
                            '[]')
              FROM (SELECT *
                      FROM autoflow.employments
                     WHERE user_id = (u).id
                     LIMIT 10000) AS e) AS jobs,
           (SELECT coalesce(json_agg(autoflow.location_json(l, true)
                                     ORDER BY id), '[]')
              FROM (SELECT *
                      FROM autoflow.locations
                     WHERE created_by = (u).id
                     LIMIT 10000) AS l) AS locations,
           (SELECT coalesce(json_agg(autoflow.organization_json(o, true)
                                     ORDER BY id), '[]')
              FROM autoflow.organizations o
             WHERE id IN (SELECT id FROM created WHERE NOT cut))
               AS organizations,
           (SELECT coalesce(json_agg(autoflow.message_json(m)
                                     ORDER BY number), '[]')
              FROM entries
              JOIN autoflow.messages m ON m.id = message_id
             WHERE NOT cut) AS messages,
           (SELECT coalesce(json_agg(row_to_json(session)), '[]')
              FROM (SELECT id,
                           device_info,
                           host(ip_address) AS ip_address,
                           autoflow.rfc3339(created_at) AS created_at,
                           autoflow.rfc3339(last_used_at) AS last_used_at,
                           autoflow.rfc3339(expires_at) AS expires_at,
                           autoflow.rfc3339(ended_at) AS ended_at,
                           autoflow.rfc3339(authenticated_at)
                               AS authenticated_at,
                           amr,
                           aal
                      FROM autoflow.sessions s
                     WHERE s.user_id = (u).id
                     ORDER BY s.created_at DESC
                     LIMIT 10000) AS session) AS sessions,
           (SELECT coalesce(json_agg(row_to_json(address)), '[]')
              FROM (SELECT network, used_on
                      FROM autoflow.user_addresses
                     WHERE user_id = (u).id
                     ORDER BY used_on DESC
                     LIMIT 10000) AS address) AS addresses,
           (SELECT coalesce(json_agg(autoflow.factor_json(f) ORDER BY f.id),
                            '[]')
              FROM autoflow.factors f
             WHERE f.user_id = (u).id) AS factors,
           (SELECT coalesce(json_agg(json_build_object(
                                'device_info', d.device_info,
                                'ip_address', host(d.ip_address),
                                'created_at', autoflow.rfc3339(d.created_at),
                                'last_used_at',
                                autoflow.rfc3339(d.last_used_at),
                                'expires_at', autoflow.rfc3339(d.expires_at))
                                ORDER BY d.id), '[]')
              FROM autoflow.devices d
             WHERE d.user_id = (u).id) AS devices,
           (SELECT coalesce(json_agg(row_to_json(import)), '[]')
              FROM (SELECT source, source_id
                      FROM autoflow.imported_accounts i
                     WHERE i.user_id = (u).id
                     LIMIT 10000) AS import) AS imports,
           (SELECT coalesce(json_agg(autoflow.invitation_json(i)
                                     ORDER BY created_at, id), '[]')
              FROM (SELECT *
                      FROM autoflow.invitations
                     WHERE invited_by = (u).id
                     LIMIT 10000) AS i) AS invitations,
           (SELECT coalesce(json_agg(row_to_json(mail)), '[]')
              FROM (SELECT kind,
                           recipient,
                           language,
                           autoflow.rfc3339(created_at) AS created_at,
                           autoflow.rfc3339(sent_at) AS sent_at
                      FROM autoflow.outbox o
                     WHERE o.user_id = (u).id
                     ORDER BY o.created_at DESC
                     LIMIT 10000) AS mail) AS mails,
           -- not the addresses of others
           (SELECT coalesce(json_agg(row_to_json(event)), '[]')
              FROM (SELECT id,
                           autoflow.rfc3339(at) AS at,
                           action,
                           actor_id,
                           target_id,
                           CASE WHEN actor_id = (u).id
                                THEN host(ip_address) END AS ip_address,
                           CASE WHEN actor_id = (u).id
                                THEN user_agent END AS user_agent,
                           details
                      FROM events
                     LIMIT 10000) AS event) AS events
       ) AS export;
