-- Whether an account was used from an address lately.
--
-- :user_id             may be null
-- :ip_address          of IPv6 the first 64 bits count; may be null
--
-- ok                   no row: it was not

SELECT true AS ok
  FROM autoflow.sessions
 WHERE user_id = :user_id::uuid
   AND ip_address <<=
           network(set_masklen(:ip_address::inet,
                               CASE family(:ip_address::inet)
                                   WHEN 6 THEN 64
                                   ELSE 32
                               END))
   AND last_used_at > now() - interval '30 days'
 LIMIT 1;
