#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include "crypto/derive.h"


int
af_derive(const unsigned char *secret, size_t len, const char *info,
    unsigned char *out, size_t size)
{
    int           rc;
    EVP_KDF      *hkdf;
    OSSL_PARAM    params[4];
    EVP_KDF_CTX  *ctx;

    hkdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    ctx = EVP_KDF_CTX_new(hkdf);

    /* the parameters are read-only, despite their types */
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                 (char *) "SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                                  (void *) secret, len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                  (void *) info, strlen(info));
    params[3] = OSSL_PARAM_construct_end();

    rc = (ctx && EVP_KDF_derive(ctx, out, size, params) == 1) ? 0 : -1;

    if (rc == -1) {
        sodium_memzero(out, size);
    }

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(hkdf);

    return rc;
}
