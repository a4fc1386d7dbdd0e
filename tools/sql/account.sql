-- The id of the account with an address (:email), in any spelling.

SELECT id
  FROM autoflow.users
 WHERE (email = :'email' OR email_key = autoflow.email_key(:'email'))
   AND deleted_at IS NULL
 ORDER BY email <> :'email'
 LIMIT 1;
