-- What a node must know before it trusts a token: tokens are good by its clock,
-- and ours may be ahead of it.
--
-- reads
-- columns: revoked text
--
-- :node_time           the node's clock, in seconds since 1970

SELECT autoflow.revocation(subject_id, epoch, revoked_at, expires_at) AS revoked
  FROM autoflow.revocations
 WHERE expires_at > least(now(), to_timestamp(:node_time::bigint));
