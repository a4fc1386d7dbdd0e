-- Deploy autoflow:directory_lists to pg
-- requires: audit_following
--
-- Lists of the directory that begin where a page does, whatever they are
-- filtered and sorted by; a bound for what an account has deactivated; and
-- profiles with the first of their contacts and jobs.
--
-- Not one transaction: indexes are built beside whoever writes.  After a
-- failure it may be deployed again.

-- a filter with each order; what isn't current, too
DROP INDEX CONCURRENTLY IF EXISTS autoflow.employments_company_by_date_idx;
CREATE INDEX CONCURRENTLY employments_company_by_date_idx
    ON autoflow.employments
       (visibility, lower(company COLLATE "C"),
        coalesce(start_date, '-infinity'), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.employments_industry_by_date_idx;
CREATE INDEX CONCURRENTLY employments_industry_by_date_idx
    ON autoflow.employments
       (visibility, lower(industry COLLATE "C"),
        coalesce(start_date, '-infinity'), id);

DROP INDEX CONCURRENTLY IF EXISTS autoflow.employments_current_by_date_idx;
CREATE INDEX CONCURRENTLY employments_current_by_date_idx
    ON autoflow.employments
       (visibility, coalesce(start_date, '-infinity'), id)
    WHERE end_date IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.employments_past_idx;
CREATE INDEX CONCURRENTLY employments_past_idx
    ON autoflow.employments (visibility, created_at, id)
    WHERE end_date IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.employments_past_by_date_idx;
CREATE INDEX CONCURRENTLY employments_past_by_date_idx
    ON autoflow.employments
       (visibility, coalesce(start_date, '-infinity'), id)
    WHERE end_date IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.organizations_industry_by_name_idx;
CREATE INDEX CONCURRENTLY organizations_industry_by_name_idx
    ON autoflow.organizations
       (visibility, lower(industry COLLATE "C"), lower(name COLLATE "C"), id);

-- what was deactivated, the latest last
DROP INDEX CONCURRENTLY IF EXISTS autoflow.contacts_deactivated_idx;
CREATE INDEX CONCURRENTLY contacts_deactivated_idx
    ON autoflow.contacts (profile_id, deactivated_at, id)
    WHERE visibility = 0;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.employments_deactivated_idx;
CREATE INDEX CONCURRENTLY employments_deactivated_idx
    ON autoflow.employments (profile_id, deactivated_at, id)
    WHERE visibility = 0;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.locations_deactivated_idx;
CREATE INDEX CONCURRENTLY locations_deactivated_idx
    ON autoflow.locations (created_by, deactivated_at, id)
    WHERE visibility = 0;

DROP INDEX CONCURRENTLY IF EXISTS autoflow.organizations_deactivated_idx;
CREATE INDEX CONCURRENTLY organizations_deactivated_idx
    ON autoflow.organizations (created_by, deactivated_at, id)
    WHERE visibility = 0;

-- for the statistics of these expressions
ANALYZE autoflow.employments;
ANALYZE autoflow.organizations;


BEGIN;

-- better to fail than to have everybody wait behind us for a dump's end
SET LOCAL lock_timeout = '5s';


-- listed_profiles(viewer, superuser, inactive, sort, descending, beginning,
-- most, …), and likewise for the others, returns the rows of a list from a
-- position, if it isn't null, and at least the first `most` of them, with what
-- they are sorted by: "created_at" or one other field.  Without a sort there is
-- no order.
--
-- A row's visibility says who may read it (see the change "directory").  Each
-- branch has the filter and the limit: so the planner knows that a few rows
-- are wanted, and prefers an index in their order to sorting all that there
-- are.  What doesn't apply vanishes from a plan that knows the values.

DO $body$
DECLARE
    resource record;
    branches text;
BEGIN
    FOR resource IN
        SELECT *
          FROM (VALUES
              ('profiles', 'profiles', 'user_id', 'last_name',
               $$coalesce(lower(r.last_name COLLATE "C"), '')$$,
               'autoflow.sort_key',
               '', 'true'),

              ('contacts', 'contacts', 'user_id', '', 'NULL::text', 'text',
               ', only_profile uuid, only_type text',
               $$(only_profile IS NULL OR r.profile_id = only_profile)
             AND (only_type IS NULL OR r.type = only_type)$$),

              ('employments', 'employments', 'user_id', 'start_date',
               $$coalesce(r.start_date, '-infinity')$$, 'date',
               ', only_profile uuid, only_company text, only_industry text,
               only_current boolean',
               $$(only_profile IS NULL OR r.profile_id = only_profile)
             AND (only_company IS NULL
                  OR lower(r.company COLLATE "C")
                     = lower(only_company COLLATE "C"))
             AND (only_industry IS NULL
                  OR lower(r.industry COLLATE "C")
                     = lower(only_industry COLLATE "C"))
             AND CASE only_current
                 WHEN true THEN r.end_date IS NULL
                 WHEN false THEN r.end_date IS NOT NULL
                 ELSE true END$$),

              ('locations', 'locations', 'created_by', '', 'NULL::text',
               'text',
               ', only_country text, only_city text',
               $$(only_country IS NULL
                  OR lower(r.country COLLATE "C")
                     = lower(only_country COLLATE "C"))
             AND (only_city IS NULL
                  OR lower(r.city COLLATE "C")
                     = lower(only_city COLLATE "C"))$$),

              ('organizations', 'organizations', 'created_by', 'name',
               'lower(r.name COLLATE "C")', 'autoflow.sort_key',
               ', only_part text, only_industry text',
               $$(only_part IS NULL
                  OR r.name ILIKE '%' || regexp_replace(only_part, '([\\%_])',
                                                        '\\\1', 'g') || '%')
             AND (only_industry IS NULL
                  OR lower(r.industry COLLATE "C")
                     = lower(only_industry COLLATE "C"))$$))
               AS v (name, relation, owner, field, key, type, parameters,
                     filter)
    LOOP
        SELECT string_agg(
                   format($$(
            SELECT r, r.id,
                   CASE WHEN sort = 'created_at' THEN r.created_at END,
                   CASE WHEN sort = %1$L THEN %2$s END
              FROM autoflow.%3$I AS r
             WHERE %4$s
             AND %5$s
             AND (beginning IS NULL
                  OR CASE
                     WHEN sort = 'created_at' AND descending
                     THEN (r.created_at, r.id)
                          <= (substr(beginning, 37)::timestamptz,
                              left(beginning, 36)::uuid)
                     WHEN sort = 'created_at'
                     THEN (r.created_at, r.id)
                          >= (substr(beginning, 37)::timestamptz,
                              left(beginning, 36)::uuid)
                     WHEN descending
                     THEN (%2$s, r.id) <= (substr(beginning, 37)::%6$s,
                                           left(beginning, 36)::uuid)
                     ELSE (%2$s, r.id) >= (substr(beginning, 37)::%6$s,
                                           left(beginning, 36)::uuid)
                     END)
             ORDER BY CASE WHEN sort = 'created_at' AND NOT descending
                           THEN r.created_at END,
                      CASE WHEN sort = %1$L AND NOT descending
                           THEN %2$s END,
                      CASE WHEN NOT descending THEN r.id END,
                      CASE WHEN sort = 'created_at' AND descending
                           THEN r.created_at END DESC,
                      CASE WHEN sort = %1$L AND descending
                           THEN %2$s END DESC,
                      CASE WHEN descending THEN r.id END DESC
             LIMIT most)$$,
                          resource.field, resource.key, resource.relation,
                          condition, resource.filter, resource.type),
                   ' UNION ALL ')
          INTO branches
          FROM unnest(ARRAY[
              'visibility = 2',
              'visibility = 1 AND NOT superuser AND '
                  || resource.owner || ' = viewer',
              'visibility = 1 AND superuser',
              'visibility = 0 AND superuser AND inactive']) AS condition;

        EXECUTE format($$
            CREATE FUNCTION autoflow.listed_%s(viewer uuid,
                superuser boolean, inactive boolean, sort text,
                descending boolean, beginning text, most bigint %s)
            RETURNS TABLE (item autoflow.%I, id uuid, moment timestamptz,
                           key %s)
            LANGUAGE sql STABLE PARALLEL SAFE
            BEGIN ATOMIC %s; END$$,
            resource.name, resource.parameters, resource.relation,
            resource.type, branches);

        EXECUTE format('REVOKE ALL ON FUNCTION autoflow.listed_%1$s '
                       'FROM PUBLIC', resource.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION autoflow.listed_%1$s '
                       'TO autoflow_app', resource.name);
    END LOOP;
END
$body$;


-- Of what a profile, or a creator, has deactivated the latest is kept, as many
-- as there may be active ones.  A hundred of the others go at a time, so that
-- nobody has to wait for all that has accumulated.
--
-- Locations and organizations that something refers to stay while it does.  To
-- lock them before looking for references keeps new ones from being made; who
-- is about to make one, or to delete the same rows, is not waited for.

DO $body$
DECLARE
    resource record;
BEGIN
    FOR resource IN
        SELECT *
          FROM (VALUES
              ('contacts', 'profile_id', 100, 'true'),
              ('employments', 'profile_id', 100, 'true'),
              ('locations', 'created_by', 1000,
               $$NOT EXISTS (SELECT FROM autoflow.profiles
                              WHERE location_id = r.id)
             AND NOT EXISTS (SELECT FROM autoflow.organizations
                              WHERE location_id = r.id)$$),
              ('organizations', 'created_by', 1000,
               $$NOT EXISTS (SELECT FROM autoflow.employments
                              WHERE organization_id = r.id)$$))
               AS v (relation, owner, most, unused)
    LOOP
        EXECUTE format($$
            CREATE FUNCTION autoflow.%1$s_deactivated() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp
            AS $function$
            DECLARE
                owner uuid;
                ids   uuid[];
            BEGIN
                FOR owner IN
                    SELECT DISTINCT after.%2$I
                      FROM after
                      JOIN before USING (id)
                     WHERE before.visibility > 0
                       AND after.visibility = 0
                LOOP
                    ids := ARRAY(
                        SELECT r.id
                          FROM (SELECT id
                                  FROM autoflow.%1$I
                                 WHERE %2$I = owner
                                   AND visibility = 0
                                 ORDER BY deactivated_at DESC, id DESC
                                OFFSET %3$s) AS r
                         WHERE %4$s
                         LIMIT 100);

                    ids := ARRAY(
                        SELECT id
                          FROM autoflow.%1$I
                         WHERE id = ANY (ids)
                           FOR UPDATE SKIP LOCKED);

                    DELETE FROM autoflow.%1$I AS r
                     WHERE id = ANY (ids)
                       AND %4$s;
                END LOOP;

                RETURN NULL;
            END
            $function$;

            CREATE TRIGGER %1$s_deactivated
                AFTER UPDATE ON autoflow.%1$I
                REFERENCING OLD TABLE AS before NEW TABLE AS after
                FOR EACH STATEMENT
                EXECUTE FUNCTION autoflow.%1$s_deactivated();

            REVOKE ALL ON FUNCTION autoflow.%1$s_deactivated() FROM PUBLIC$$,
            resource.relation, resource.owner, resource.most, resource.unused);
    END LOOP;
END
$body$;


-- The first contacts, or jobs, of a profile that the viewer may read.

CREATE FUNCTION autoflow.profile_with(profile autoflow.profiles, viewer uuid,
    superuser boolean, parts text[], most bigint) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    answer json := autoflow.profile_json(profile);
BEGIN
    IF 'location' = ANY (parts) THEN
        answer := autoflow.json_with(answer, 'location', (
            SELECT autoflow.location_json(
                       item, superuser OR (item).created_by = viewer)
              FROM autoflow.readable_locations(viewer, superuser, false)
             WHERE id = profile.location_id));
    END IF;

    IF 'contacts' = ANY (parts) THEN
        answer := autoflow.json_with(answer, 'contacts', (
            SELECT coalesce(json_agg(autoflow.contact_json(item)
                                     ORDER BY (item).created_at, id), '[]')
              FROM (SELECT item, id
                      FROM autoflow.readable_contacts(viewer, superuser, false)
                     WHERE (item).profile_id = profile.id
                     ORDER BY (item).created_at, id
                     LIMIT most) AS contact));
    END IF;

    IF 'jobs' = ANY (parts) THEN
        answer := autoflow.json_with(answer, 'jobs', (
            SELECT coalesce(json_agg(autoflow.employment_json(item)
                                     ORDER BY (item).created_at, id), '[]')
              FROM (SELECT item, id
                      FROM autoflow.readable_employments(viewer, superuser,
                                                         false)
                     WHERE (item).profile_id = profile.id
                     ORDER BY (item).created_at, id
                     LIMIT most) AS job));
    END IF;

    RETURN answer;
END
$$;

-- a single profile has all of them
CREATE OR REPLACE FUNCTION autoflow.profile_with(profile autoflow.profiles,
    viewer uuid, superuser boolean, parts text[]) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    RETURN autoflow.profile_with(profile, viewer, superuser, parts, NULL);
END
$$;

REVOKE ALL ON FUNCTION
    autoflow.profile_with(autoflow.profiles, uuid, boolean, text[], bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    autoflow.profile_with(autoflow.profiles, uuid, boolean, text[], bigint)
    TO autoflow_app;


CREATE OR REPLACE FUNCTION autoflow.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 16;

COMMIT;
