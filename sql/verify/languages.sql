-- Verify autoflow:languages on pg

BEGIN;

SELECT u.language, i.language, o.language
  FROM autoflow.users u, autoflow.invitations i, autoflow.outbox o
 WHERE false;

-- nobody's mail is not sent, in whatever language

SELECT 1 / (autoflow.request_mail('reset_password', NULL, 'nobody@example.com',
                                  'nobody@example.com', 'de') IS NULL)::integer;
SELECT 1 / (autoflow.request_mail('reset_password', NULL, 'nobody@example.com',
                                  'nobody@example.com') IS NULL)::integer;

ROLLBACK;
