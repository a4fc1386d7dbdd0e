#include "api/password.h"
#include "conf/params.h"
#include "crypto/blocklist.h"
#include "crypto/hash.h"
#include "crypto/password.h"
#include "crypto/thread.h"
#include "token/seal.h"


/* the maximum number of words that a new password is compared with */
#define AF_PASSWORD_WORDS  4


/* why nobody may choose a password */

typedef struct {
    const char            *code;
    const char            *message;
} af_refusal_t;


/* everything that the thread needs: copies, or constants of the request */

typedef struct {
    const char            *field;
    const char            *password;
    size_t                 len;
    af_argon2_t            cost;
    double                 strength;       /* the minimum, in bits */
    const char            *words[AF_PASSWORD_WORDS + 1];
    const af_blocklist_t  *blocklist;      /* or NULL */
    const char            *stored;
    const af_purpose_keys_t  *keys;        /* of seals */

    unsigned               seals:1;        /* or only opens */
    unsigned               closed:1;       /* "stored" can't be opened */
    const af_refusal_t    *refusal;        /* of a new password */
    af_password_status_t   status;
    char                   hash[AF_SEALED_SIZE];   /* to be stored */
} af_password_job_t;


/* who has sealed a stored hash: the index of the key, or */
#define AF_NOT_SEALED  -1
#define AF_CLOSED      -2


static af_password_job_t *af_password_job(af_ctx_t *ctx, const char *field);
static void af_password_hash_job(void *data);
static const af_refusal_t *af_password_refusal(af_password_job_t *job);
static void af_password_verify_job(void *data);
static ptrdiff_t af_password_open(const af_password_job_t *job,
    char text[AF_SEAL_TEXT_SIZE], const char **hash);
static void af_password_store(af_password_job_t *job, const char *hash);


const af_password_conf_t  af_password_defaults = {
    .memory = 19 * 1024 * 1024,
    .time = 2,
    .strength = 20
};


static const af_param_t  af_password_params[] = {
    af_param("memory=", af_param_size, af_password_conf_t, memory,
             .min = crypto_pwhash_argon2id_MEMLIMIT_MIN,
             .too_small = "has less memory than Argon2id needs, 8k",
             .max = AF_HASH_MEMORY_MAX,
             .too_large = "has more than 1024m of memory, the most that a "
                          "stored hash may ask for"),
    af_param("time=", af_param_count, af_password_conf_t, time,
             .max = 64, .too_large = "has a time of more than 64 passes"),
    af_param("strength=", af_param_count, af_password_conf_t, strength,
             .max = 128, .too_large = "has a strength of more than 128 bits"),
    { .name = ngx_null_string }
};


char *
af_password_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_autoflow_main_conf_t *amcf = conf;

    af_password_conf_t  *password;

    if (amcf->password != &af_password_defaults) {
        return "is duplicate";
    }

    password = ngx_palloc(cf->pool, sizeof(af_password_conf_t));
    if (password == NULL) {
        return NGX_CONF_ERROR;
    }

    *password = af_password_defaults;
    amcf->password = password;

    return af_params(cf, 1, af_password_params, password);
}


ngx_int_t
af_password_names(af_ctx_t *ctx, const char *words[AF_PASSWORD_NAMES + 1])
{
    ngx_uint_t   i, n;
    const char  *text;

    static const char *const  columns[AF_PASSWORD_NAMES] = {
        "email", "username", "full_name"
    };

    for (i = 0, n = 0; i < AF_PASSWORD_NAMES; i++) {

        text = af_column(ctx, columns[i]);

        if (text) {
            words[n] = af_string(ctx, text, ngx_strlen(text));

            if (words[n++] == NULL) {
                return NGX_ERROR;
            }
        }
    }

    words[n] = NULL;

    return NGX_OK;
}


static af_password_job_t *
af_password_job(af_ctx_t *ctx, const char *field)
{
    json_t             *password;
    af_password_job_t  *job;

    job = ngx_pcalloc(ctx->request->pool, sizeof(af_password_job_t));
    if (job == NULL) {
        return NULL;
    }

    password = json_object_get(ctx->body, field);

    job->field = field;
    job->password = json_string_value(password);
    job->len = json_string_length(password);
    job->cost.memory = ctx->conf->password->memory;
    job->cost.time = ctx->conf->password->time;
    job->strength = ctx->conf->password->strength;
    job->blocklist = ctx->conf->blocklist;
    job->keys = &ctx->conf->seal_keys;
    job->seals = ctx->conf->seals;

    ctx->job_data = job;

    return job;
}


ngx_int_t
af_hash_password(af_ctx_t *ctx, const char *field, const char *const *words)
{
    ngx_uint_t          n;
    af_password_job_t  *job;

    job = af_password_job(ctx, field);
    if (job == NULL) {
        return NGX_ERROR;
    }

    for (n = 0; *words && n < AF_PASSWORD_WORDS; n++) {
        job->words[n] = *words++;
    }

    return af_in_thread(ctx, ctx->conf->hash, af_password_hash_job, job);
}


static void
af_password_hash_job(void *data)
{
    af_password_job_t *job = data;

    char  hash[AF_PASSWORD_HASH_SIZE];

    af_thread_yields();

    job->refusal = af_password_refusal(job);

    if (job->refusal != NULL || job->status == AF_PASSWORD_ERROR) {
        return;
    }

    if (af_password_hash(&job->cost, job->password, job->len, hash) != 0) {
        job->status = AF_PASSWORD_ERROR;
        return;
    }

    af_password_store(job, hash);
    sodium_memzero(hash, sizeof(hash));
}


/* the cheapest first; without memory, the job's status says so */

static const af_refusal_t *
af_password_refusal(af_password_job_t *job)
{
    int                        blocked;

    static const af_refusal_t  similar = {
        "password_too_similar", "is too similar to the account's names"
    };

    static const af_refusal_t  common = {
        "password_too_common", "is in a list of common or leaked passwords"
    };

    static const af_refusal_t  weak = {
        "password_too_weak", "is too easy to guess"
    };

    if (af_password_similar(job->password, job->words)) {
        return &similar;
    }

    blocked = (job->blocklist == NULL)
              ? 0 : af_blocklist_blocks(job->blocklist, job->password,
                                        job->len);

    if (blocked == 1) {
        return &common;
    }

    if (blocked == -1) {
        job->status = AF_PASSWORD_ERROR;
        return NULL;
    }

    return af_password_strength(job->password, job->words) < job->strength
           ? &weak : NULL;
}


ngx_int_t
af_password_hashed(af_ctx_t *ctx)
{
    af_password_job_t *job = ctx->job_data;

    if (job->status == AF_PASSWORD_ERROR) {
        return af_problem(ctx, AF_OVERLOADED, "no memory for a hash");
    }

    if (job->refusal != NULL) {
        return af_invalid(ctx, job->field, job->refusal->code,
                          job->refusal->message);
    }

    af_bind(ctx, "password_hash", job->hash);

    return NGX_OK;
}


ngx_int_t
af_verify_password(af_ctx_t *ctx, const char *field, const char *hash)
{
    af_password_job_t  *job;

    job = af_password_job(ctx, field);
    if (job == NULL) {
        return NGX_ERROR;
    }

    job->stored = hash;

    return af_in_thread(ctx, ctx->conf->hash, af_password_verify_job, job);
}


static void
af_password_verify_job(void *data)
{
    af_password_job_t *job = data;

    char         text[AF_SEAL_TEXT_SIZE], replacement[AF_PASSWORD_HASH_SIZE];
    ptrdiff_t    seal;
    const char  *hash;

    af_thread_yields();

    seal = af_password_open(job, text, &hash);
    job->closed = (seal == AF_CLOSED);

    job->status = af_password_verify(&job->cost, hash, job->password,
                                     job->len);

    switch (job->status) {

    case AF_PASSWORD_MATCH:
        if (seal != (job->seals ? 0 : AF_NOT_SEALED)) {
            af_password_store(job, hash);
        }

        break;

    case AF_PASSWORD_NEEDS_REHASH:
        if (af_password_hash(&job->cost, job->password, job->len, replacement)
            == 0)
        {
            af_password_store(job, replacement);
            sodium_memzero(replacement, sizeof(replacement));

        } else {
            job->status = AF_PASSWORD_ERROR;
        }

        break;

    default:
        break;
    }

    sodium_memzero(text, sizeof(text));
}


/* the stored hash, or NULL: then verifying takes as long, and fails */

static ptrdiff_t
af_password_open(const af_password_job_t *job, char text[AF_SEAL_TEXT_SIZE],
    const char **hash)
{
    ptrdiff_t  key;

    *hash = job->stored;

    if (job->stored == NULL || !af_sealed(job->stored)) {
        return AF_NOT_SEALED;
    }

    key = af_unseal(job->keys, AF_PURPOSE_PASSWORD, job->stored,
                    ngx_strlen(job->stored), text);

    *hash = (key == -1) ? NULL : text;

    return (key == -1) ? AF_CLOSED : key;
}


static void
af_password_store(af_password_job_t *job, const char *hash)
{
    if (!job->seals) {
        (void) ngx_cpystrn((u_char *) job->hash, (u_char *) hash,
                           sizeof(job->hash));

    } else if (af_seal(job->keys, AF_PURPOSE_PASSWORD, hash, job->hash) != 0) {
        job->status = AF_PASSWORD_ERROR;
    }
}


ngx_int_t
af_password_verified(af_ctx_t *ctx)
{
    af_password_job_t *job = ctx->job_data;

    switch (job->status) {

    case AF_PASSWORD_MATCH:
    case AF_PASSWORD_NEEDS_REHASH:
        af_bind(ctx, "password_hash", job->stored);
        af_bind(ctx, "new_password_hash", job->hash[0] ? job->hash : NULL);
        return NGX_OK;

    case AF_PASSWORD_EXCESSIVE:
        af_request_log(NGX_LOG_ERR, ctx->request,
                       "an account's stored hash has excessive costs, "
                       "and is not verified: a new password replaces it");
        return NGX_DECLINED;

    case AF_PASSWORD_MISMATCH:
        if (job->closed) {
            af_request_log(NGX_LOG_ERR, ctx->request,
                           "no \"autoflow_seal_key\" opens an account's "
                           "stored hash, which is not verified");
        }

        return NGX_DECLINED;

    default:
        return af_problem(ctx, AF_OVERLOADED, "no memory for a hash");
    }
}


ngx_uint_t
af_password_rehashed(af_ctx_t *ctx)
{
    af_password_job_t *job = ctx->job_data;

    return job->hash[0] != '\0';
}
