-- A message, for a sender or recipient who has not deleted it.
--
-- reads
-- by key
-- columns: json json
--
-- :id, :user_id
--
-- json         a Message; no row: the account has no such message

SELECT autoflow.message_json(m) AS json
  FROM autoflow.messages m
  JOIN autoflow.message_entries ON message_id = m.id
 WHERE m.id = :id::uuid
   AND user_id = :user_id::uuid;
