-- Counts a wrong current password for all nodes: apart from those at login, which
-- anybody can have refused.
--
-- writes
-- columns: exceeds boolean, seconds_left bigint
--
-- :user_id
-- :max_failures
-- :failures_window     in seconds
--
-- exceeds      so many have failed meanwhile that this one must not learn more
-- seconds_left until the window ends

SELECT c.failures > :max_failures::bigint AS exceeds, c.seconds_left
  FROM autoflow.count_failure(:user_id::uuid, 'current_password',
                              :failures_window::bigint) AS c;
