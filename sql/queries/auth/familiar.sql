-- Whether an account was used from an address recently: it logged in from there
-- within 30 days, or has a session that was last refreshed there.
--
-- reads
-- columns: ok boolean
--
-- :user_id             may be null
-- :ip_address          /64 for IPv6; may be null
--
-- ok                   no row: it was not

WITH living AS MATERIALIZED (
    -- no account has more, except from before the limit
    SELECT ip_address, expires_at
      FROM autoflow.sessions
     WHERE user_id = :user_id::uuid
       AND ended_at IS NULL
     LIMIT 1000
)
SELECT true AS ok
 WHERE EXISTS (SELECT
                 FROM autoflow.user_addresses
                WHERE user_id = :user_id::uuid
                  AND network = autoflow.network_of(:ip_address::inet)
                  AND used_on >= (now() AT TIME ZONE 'UTC')::date - 30)
    OR EXISTS (SELECT
                 FROM living
                WHERE expires_at > now()
                  AND ip_address <<= autoflow.network_of(:ip_address::inet));
