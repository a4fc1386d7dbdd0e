-- Sets a role's password: only its SCRAM verifier is sent, so that neither the
-- server nor its log ever has the password.

ALTER ROLE :"role" PASSWORD :'verifier';
