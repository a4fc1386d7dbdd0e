-- The account with which someone logs in, and how often that failed recently.
--
-- reads
-- columns: user_id uuid, password_hash text, is_active boolean,
--          verified boolean, factors boolean, lacks boolean, failures bigint,
--          seconds_left bigint
--
-- :login       an e-mail address or a username; a username has no @, so at
--              most one row fits
-- :login_key   the address's key; null: not an address
-- :require_verified        whether its address must be verified
-- :mfa_required_of         of lacks_factor()
-- :device_hashes           of has_device(); null: none
-- :account_id  what the name's failures are counted by, if no account has it
--
-- user_id, password_hash, is_active                    null: no such account
-- verified     as is_verified() says; likewise
-- factors      whether it has a factor, which is required, too, as the browser is
--              not remembered; likewise
-- lacks        whether it must have one; likewise
-- failures, seconds_left       at all nodes, until the window ends in so many
--              seconds; null: no window

WITH account AS MATERIALIZED (
    SELECT id, password_hash, is_active,
           autoflow.is_verified(u, :require_verified::boolean) AS verified,
           autoflow.has_factors(id)
               AND NOT autoflow.has_device(id, :device_hashes::text[])
               AS factors,
           NOT autoflow.has_factors(id)
               AND autoflow.lacks_factor(u, 1, :mfa_required_of::text[])
               AS lacks
      FROM autoflow.users u
     WHERE deleted_at IS NULL
       AND (email_key = :login_key::text
            OR lower(username COLLATE "C") = lower(:login::text COLLATE "C"))
)
SELECT a.id AS user_id, a.password_hash, a.is_active, a.verified,
       a.factors, a.lacks, f.failures,
       ceil(extract(epoch FROM f.ends_at - now()))::bigint AS seconds_left
  FROM (SELECT) AS always
       LEFT JOIN account a ON true
       LEFT JOIN autoflow.failed_attempts f
              ON f.account = coalesce(a.id, :account_id::uuid)
             AND f.kind = 'password'
             AND f.ends_at > now();
