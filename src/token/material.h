/*
 * Key material, before it has an algorithm and a kid: checked here, whatever
 * format it came in.  Pure C: no nginx types.
 */

#ifndef AF_TOKEN_MATERIAL_H
#define AF_TOKEN_MATERIAL_H

#include <stddef.h>
#include <jansson.h>
#include <openssl/evp.h>


/* modulus of an RSA key, in bits (RFC 7518, section 3.3) */
#define AF_RSA_MIN  2048
#define AF_RSA_MAX  8192


/* the kinds of keys: a JWK's kty and crv (RFC 7518, section 6; RFC 8037) */

typedef enum {
    AF_OCT = 0,
    AF_RSA,
    AF_P256,
    AF_P384,
    AF_P521,
    AF_ED25519,
    AF_KEY_KINDS               /* their number; as a kind: none */
} af_key_kind_t;


typedef struct af_material_s  af_material_t;

typedef struct {
    const char   *kty;
    const char   *crv;         /* NULL: no curve */
    const char   *type;        /* OpenSSL's name */
    const char   *group;       /* of EC keys: OpenSSL's name of the curve */
    size_t        size;        /* octets of a coordinate, 0 without a curve */

    /* returns NULL, or why the key is rejected */
    const char *(*check)(const EVP_PKEY *pkey, unsigned private);

    /* adds the public members to a JWK: 0, or -1 */
    int         (*add)(json_t *jwk, const EVP_PKEY *pkey, size_t size);
} af_key_kind_row_t;


struct af_material_s {
    af_key_kind_t   kind;
    EVP_PKEY       *pkey;      /* NULL for AF_OCT */
    unsigned char  *secret;    /* NULL for all others */
    size_t          len;
    unsigned        private:1; /* it can sign, and must be kept secret */
};


extern const af_key_kind_row_t  af_key_kinds[];


/* Returns AF_KEY_KINDS if there is no such kind; `crv` may be NULL. */
af_key_kind_t af_key_kind_find(const char *kty, const char *crv);

/*
 * Make material from a copy of a secret, or from an OpenSSL key, of which they
 * take ownership, even on failure.  Return 0, or -1, and *error says why.
 */
int af_material_secret(af_material_t *material, const unsigned char *secret,
    size_t len, const char **error);
int af_material_pkey(af_material_t *material, EVP_PKEY *pkey,
    unsigned private, const char **error);

/* Wipes and frees the contents. */
void af_material_free(af_material_t *material);

/*
 * Returns the required members of the public key's JWK, those of its thumbprint
 * (RFC 7638, section 3.2), as a new reference; NULL if there is no memory.
 */
json_t *af_material_public(const af_material_t *material);

/*
 * Returns the SHA-256 thumbprint (RFC 7638) of a JWK with only these members,
 * in base64url, to be freed with free(); NULL if there is no memory.
 */
char *af_material_thumbprint(const json_t *jwk);


#endif /* AF_TOKEN_MATERIAL_H */
