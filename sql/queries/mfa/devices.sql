-- The browsers at which an account's second factor is not asked for, in the order in
-- which they were remembered: they are at most twenty.
--
-- reads
-- columns: json json
--
-- :user_id
-- :device_hashes       of use_device(): the request's own
--
-- json         DeviceList

SELECT json_build_object(
           'devices',
           coalesce(json_agg(json_build_object(
                                 'id', id,
                                 'device_info', device_info,
                                 'ip_address', host(ip_address),
                                 'created_at', autoflow.rfc3339(created_at),
                                 'last_used_at', autoflow.rfc3339(last_used_at),
                                 'expires_at', autoflow.rfc3339(expires_at),
                                 'is_current',
                                 coalesce(encode(hash, 'hex')
                                          = ANY (:device_hashes::text[]),
                                          false))
                             ORDER BY id),
                    '[]')) AS json
  FROM autoflow.devices
 WHERE user_id = :user_id::uuid
   AND expires_at > now();
