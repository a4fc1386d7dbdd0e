/*
 * PEM.  A block is decoded according to its label.
 */

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "token/pem.h"


typedef struct {
    const char  *label;
    const char  *structure;    /* OpenSSL's names; NULL: an X.509 certificate */
    const char  *type;         /* NULL: given by the structure */
    int          selection;
} af_pem_row_t;


static int af_pem_next(BIO *bio, EVP_PKEY **pkey, unsigned *private,
    const char **error);
static int af_pem_block(const char *label, const char *header,
    const unsigned char *der, long len, EVP_PKEY **pkey, unsigned *private,
    const char **error);
static EVP_PKEY *af_pem_decode(const af_pem_row_t *row,
    const unsigned char *der, size_t len);
static EVP_PKEY *af_pem_certificate(const unsigned char *der, long len);


static const af_pem_row_t  af_pem_rows[] = {

    { PEM_STRING_PKCS8INF, "PrivateKeyInfo", NULL, EVP_PKEY_KEYPAIR },

    { PEM_STRING_RSA, "type-specific", "RSA", EVP_PKEY_KEYPAIR },

    { PEM_STRING_ECPRIVATEKEY, "type-specific", "EC", EVP_PKEY_KEYPAIR },

    { PEM_STRING_PUBLIC, "SubjectPublicKeyInfo", NULL, EVP_PKEY_PUBLIC_KEY },

    { PEM_STRING_RSA_PUBLIC, "type-specific", "RSA", EVP_PKEY_PUBLIC_KEY },

    { PEM_STRING_X509, NULL, NULL, EVP_PKEY_PUBLIC_KEY },

    { NULL, NULL, NULL, 0 }
};


int
af_pem_is(const char *text, size_t len)
{
    size_t  i;

    static const char  begin[] = "-----BEGIN ";

    for (i = 0; i + sizeof(begin) - 1 <= len; i++) {
        if (memcmp(&text[i], begin, sizeof(begin) - 1) == 0) {
            return 1;
        }
    }

    return 0;
}


int
af_pem_read(af_material_t *material, const char *text, size_t len,
    const char **error)
{
    int        rc;
    BIO       *bio;
    EVP_PKEY  *pkey;
    unsigned   private;

    bio = BIO_new_mem_buf(text, (int) len);
    if (bio == NULL) {
        *error = "out of memory";
        return -1;
    }

    pkey = NULL;
    private = 0;

    do {
        rc = af_pem_next(bio, &pkey, &private, error);
    } while (rc > 0);

    BIO_free(bio);

    if (rc == 0 && pkey == NULL) {
        *error = "there is no key in the PEM";
        rc = -1;
    }

    if (rc == -1) {
        EVP_PKEY_free(pkey);
        return -1;
    }

    return af_material_pkey(material, pkey, private, error);
}


/* returns 1 after a block, 0 at the end, or -1; wipes what it has read */

static int
af_pem_next(BIO *bio, EVP_PKEY **pkey, unsigned *private, const char **error)
{
    int             rc;
    char           *label, *header;
    long            len;
    unsigned char  *der;

    if (PEM_read_bio_ex(bio, &label, &header, &der, &len,
                        PEM_FLAG_SECURE|PEM_FLAG_EAY_COMPATIBLE)
        != 1)
    {
        if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
            return 0;
        }

        *error = "the PEM is malformed";
        return -1;
    }

    rc = af_pem_block(label, header, der, len, pkey, private, error);

    OPENSSL_secure_free(label);
    OPENSSL_secure_free(header);
    OPENSSL_secure_clear_free(der, len);

    return rc;
}


static int
af_pem_block(const char *label, const char *header, const unsigned char *der,
    long len, EVP_PKEY **pkey, unsigned *private, const char **error)
{
    const af_pem_row_t  *row;

    /* `openssl ecparam` writes them before the key, which repeats them */

    if (strcmp(label, PEM_STRING_ECPARAMETERS) == 0) {
        return 1;
    }

    if (strcmp(label, PEM_STRING_PKCS8) == 0 || header[0] != '\0') {
        *error = "the private key is encrypted";
        return -1;
    }

    for (row = af_pem_rows; row->label != NULL; row++) {
        if (strcmp(row->label, label) == 0) {
            break;
        }
    }

    if (row->label == NULL) {
        *error = "PEM of this kind is not supported";
        return -1;
    }

    if (*pkey != NULL) {
        *error = "there is more than one key in the PEM";
        return -1;
    }

    *pkey = af_pem_decode(row, der, len);
    *private = (row->selection == EVP_PKEY_KEYPAIR);

    if (*pkey == NULL) {
        *error = "the PEM holds no valid key";
        return -1;
    }

    return 1;
}


static EVP_PKEY *
af_pem_decode(const af_pem_row_t *row, const unsigned char *der, size_t len)
{
    int                rc;
    EVP_PKEY          *pkey;
    OSSL_DECODER_CTX  *ctx;

    if (row->structure == NULL) {
        return af_pem_certificate(der, len);
    }

    pkey = NULL;

    ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", row->structure,
                                        row->type, row->selection, NULL,
                                        NULL);
    if (ctx == NULL) {
        return NULL;
    }

    rc = OSSL_DECODER_from_data(ctx, &der, &len);

    OSSL_DECODER_CTX_free(ctx);

    if (rc != 1 || len != 0) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    return pkey;
}


static EVP_PKEY *
af_pem_certificate(const unsigned char *der, long len)
{
    X509      *cert;
    EVP_PKEY  *pkey;

    cert = d2i_X509(NULL, &der, len);
    pkey = cert ? X509_get_pubkey(cert) : NULL;

    X509_free(cert);

    return pkey;
}
