/*
 * Recovery codes: 80 random bits each, as four groups of four characters of
 * base32.  They are kept as hashes with the account's id: nobody can try 2^80
 * of them, so that neither a slow hash nor a key is needed, and no key's loss
 * is the end of them.  Pure C: no nginx types.
 */

#ifndef AF_CRYPTO_RECOVERY_H
#define AF_CRYPTO_RECOVERY_H


/* how many an account gets */
#define AF_RECOVERY_CODES  10

/* with the terminating zero: "ABCD-EFGH-IJKL-MNOP", and a hash in hex */
#define AF_RECOVERY_SIZE       20
#define AF_RECOVERY_HASH_SIZE  65


void af_recovery_make(char code[AF_RECOVERY_SIZE]);

/*
 * The hash of a code as it was typed, in upper or lower case, its groups
 * separated by hyphens, blanks or nothing.  Returns 0, or -1 if it isn't one.
 */
int af_recovery_hash(const char *user_id, const char *code,
    char hash[AF_RECOVERY_HASH_SIZE]);


#endif /* AF_CRYPTO_RECOVERY_H */
