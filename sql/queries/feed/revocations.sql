-- What a node must know before it trusts a token.
--
-- reads
--
-- revoked

SELECT autoflow.revocation(subject_id, epoch, revoked_at, expires_at) AS revoked
  FROM autoflow.revocations
 WHERE expires_at > now();
