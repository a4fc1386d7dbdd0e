-- Verify autoflow:cheaper_logins on pg

DO $$
BEGIN
    IF (SELECT count(*)
          FROM pg_trigger
         WHERE tgrelid = 'autoflow.users'::regclass
           AND tgname IN ('users_address_keys', 'users_address_withdrawn',
                          'users_end_mail_tokens', 'users_forget_addresses',
                          'users_last_superuser', 'users_left',
                          'users_mailbox_closed', 'users_named_again')
           AND cardinality(tgattr::int2[]) > 0) <> 8
    THEN
        RAISE EXCEPTION 'triggers of autoflow.users name no columns';
    END IF;
END
$$;
