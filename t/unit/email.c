/*
 * The keys by which addresses are compared.
 */

#include "unit.h"
#include "check/email.h"


/* an address and its key; NULL: it has none */

static const struct {
    const char  *address;
    const char  *key;
} keys[] = {
    { "ada@example.com", "ada@example.com" },
    { "Ada.Lovelace+X@EXAMPLE.com", "ada.lovelace+x@example.com" },
    { "ada@b\u00fccher.de", "ada@xn--bcher-kva.de" },
    { "ADA@B\u00dcCHER.de", "ada@xn--bcher-kva.de" },
    { "ada@xn--bcher-kva.de", "ada@xn--bcher-kva.de" },
    { "ada@XN--BCHER-KVA.DE", "ada@xn--bcher-kva.de" },
    { "ada@bu\u0308cher.de", "ada@xn--bcher-kva.de" },
    { "ada@mail.b\u00fccher\u3002de", "ada@mail.xn--bcher-kva.de" },
    { "ada@\uff45xample.com", "ada@example.com" },

    /* non-transitional: a domain other than fass.de */
    { "ada@fa\u00df.de", "ada@xn--fa-hia.de" },
    { "ada@FASS.de", "ada@fass.de" },

    { "ada@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
      "ada@xn--80a1acny.xn--p1ai" },
    { "j\u00f6rg@Example.com", "j\u00f6rg@example.com" },

    /* ASCII stays as it is, as in the database */
    { "a b@c@D", "a b@c@d" },
    { "@", "@" },

    { "ada", NULL },
    { "", NULL },
    { "ada@i\u2764.ws", NULL },
    { "ada@ex\uff20mple.\u00fc.com", NULL },
    { "ada@\u00fc\u2100.de", NULL },
    { "ada@\u00fc_a.de", NULL },
    { "ada@-\u00fc.de", NULL },
    { "ada@ab--\u00fc.de", NULL },
    { "ada@xn--\u00fc.de", NULL },
    { "ada@\u00fc..de", NULL },
    { "ada@\u00fc.de.", NULL },
    { "ada@\u00fc", NULL },
    { "ada@\u00fc.de\xff", NULL },
    { "ada@\u0661\u06f0.\u00fc.de", NULL }
};


static void
test_one_mailbox_has_one_key(void **state)
{
    int     failed, rc;
    char    key[AF_TYPE_KEY_SIZE], *exact;
    size_t  i, len;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(keys); i++) {
        len = strlen(keys[i].address);
        exact = af_exact(keys[i].address, len + 1);
        rc = af_email_key(exact, len, key);
        free(exact);

        if (keys[i].key == NULL) {
            af_row(rc == -1, "%s", keys[i].address);
            continue;
        }

        af_row(rc == 0 && strcmp(key, keys[i].key) == 0, "%s",
               keys[i].address);

        /* the key of a key is the key */

        if (rc == 0) {
            af_row(af_email_key(keys[i].key, strlen(keys[i].key), key) == 0
                   && strcmp(key, keys[i].key) == 0, "%s", keys[i].key);
        }
    }

    assert_int_equal(failed, 0);
}


/* a label's ASCII form is longer than in UTF-8, and so is the key */

static void
test_keys_are_bounded(void **state)
{
    int     failed;
    char    address[4 * AF_EMAIL_MAX], key[AF_TYPE_KEY_SIZE];
    size_t  i, n;

    static const char  label[] = "\u00fcxyz.";     /* xn--xyz-hoa. */

    (void) state;

    failed = 0;

    memset(address, 'A', AF_EMAIL_MAX - 5);
    strcpy(address + AF_EMAIL_MAX - 5, "@b.CO");
    af_row(af_email_key(address, AF_EMAIL_MAX, key) == 0, "the longest");
    af_row(strcmp(key + AF_EMAIL_MAX - 5, "@b.co") == 0, "all of it");

    strcat(address, "M");
    af_row(af_email_key(address, AF_EMAIL_MAX + 1, key) == -1, "longer");

    for (n = 1; n < AF_EMAIL_MAX / (sizeof(label) - 1); n++) {
        strcpy(address, "a@");

        for (i = 0; i < n; i++) {
            strcat(address, label);
        }

        strcat(address, "de");

        if (af_email_key(address, strlen(address), key) == 0) {
            af_row(strlen(key) == 4 + 12 * n, "%zu labels", n);

        } else {
            af_row(4 + 12 * n > AF_EMAIL_MAX, "%zu labels", n);
        }
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_one_mailbox_has_one_key),
        cmocka_unit_test(test_keys_are_bounded)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
