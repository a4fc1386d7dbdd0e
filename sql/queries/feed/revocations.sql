-- What a node must know before it trusts a token.
--
-- reads
-- columns: revoked text

SELECT autoflow.revocation(subject_id, epoch, revoked_at, expires_at) AS revoked
  FROM autoflow.revocations
 WHERE expires_at > now();
