#include "db/seals.h"
#include "check/uuid.h"
#include "shm/counters.h"
#include "token/mfa.h"


/* the maximum number of rows in a batch, see sql/queries/jobs/reseal.sql */
#define AF_SEALS_BATCH  50

/* of which no more are counted, see sql/queries/jobs/seals.sql */
#define AF_SEALS_MAX  10000

#define AF_SEALS_NONE  "[]"

/* of a row among :seals, with two seals and an id: neither needs escapes */
#define AF_SEALS_ROW_SIZE                                                     \
    (sizeof(",{\"id\":\"\",\"old\":\"\",\"new\":\"\"}")                       \
     + AF_UUID_SIZE + 2 * AF_SEALED_SIZE)

#define AF_SEALS_SIZE                                                         \
    (AF_SEALS_BATCH * AF_SEALS_ROW_SIZE + sizeof(AF_SEALS_NONE))

/* of the keys that a line of the log names */
#define AF_SEALS_LOG_SIZE  1024


/* the parameters of jobs/reseal, in their order */

typedef enum {
    AF_SEALS_SEALS = 0,
    AF_SEALS_KIND,
    AF_SEALS_NEXT,
    AF_SEALS_KEY,
    AF_SEALS_AFTER,
    AF_SEALS_VALUES
} af_seals_value_t;


struct af_seals_s {
    const af_purpose_keys_t  *keys;
    ngx_uint_t                seals;       /* the first one, not just opens */

    const char               *census[AF_SEAL_KINDS];
    char                      current[AF_SEAL_KINDS][AF_SEAL_KEY_SIZE];
    unsigned                  missing:1;   /* keys, when last counted */

    /* the job */

    ngx_uint_t                kind;
    ngx_uint_t                key;         /* a former one */
    const char               *values[AF_SEALS_VALUES];
    char                      begins[AF_SEAL_KEY_SIZE];
    char                      after[AF_UUID_SIZE];
    char                     *batch;       /* of AF_SEALS_SIZE */
    ngx_uint_t                replaced;
    ngx_uint_t                broken;      /* not opened by the key they name */
    ngx_uint_t                reported;    /* of these */
};


/* in the order of af_seal_kind_t */

static const struct {
    const char    *name;
    const char    *rows;
    af_purpose_t   purpose;
} af_seal_kinds[AF_SEAL_KINDS] = {
    { "seed", "secrets of factors", AF_PURPOSE_FACTOR },
    { "hash", "hashes of passwords", AF_PURPOSE_PASSWORD }
};


static void af_seals_begins(const af_seals_t *seals, ngx_uint_t kind,
    ngx_uint_t key, char begins[AF_SEAL_KEY_SIZE]);
static void af_seals_first(af_seals_t *seals);
static void af_seals_place(af_seals_t *seals);
static ngx_uint_t af_seals_advance(af_seals_t *seals);
static void af_seals_batch(af_seals_t *seals, const PGresult *batch);
static ngx_int_t af_seals_reseal(const af_seals_t *seals, const char *user_id,
    const char *sealed, char newer[AF_SEALED_SIZE]);
static void af_seals_report(af_seals_t *seals);
static ptrdiff_t af_seals_find(const af_seals_t *seals, ngx_uint_t kind,
    const char *begins);
static void af_seals_tell(af_seals_t *seals, ngx_uint_t missing,
    const char *keys);


af_seals_t *
af_seals_create(ngx_pool_t *pool, const ngx_http_autoflow_main_conf_t *amcf)
{
    ngx_uint_t   i;
    af_seals_t  *seals;

    seals = ngx_pcalloc(pool, sizeof(af_seals_t));
    if (seals == NULL) {
        return NULL;
    }

    seals->keys = &amcf->seal_keys;
    seals->seals = amcf->seals;

    for (i = 0; i < AF_SEAL_KINDS && seals->keys->n; i++) {
        af_seals_begins(seals, i, 0, seals->current[i]);
        seals->census[i] = seals->current[i];
    }

    seals->batch = ngx_pnalloc(pool, AF_SEALS_SIZE);

    return seals->batch ? seals : NULL;
}


/* without the last two bits of the id, which share a character */

static void
af_seals_begins(const af_seals_t *seals, ngx_uint_t kind, ngx_uint_t key,
    char begins[AF_SEAL_KEY_SIZE])
{
    char                     text[af_base64url_size(AF_KEY_ID_SIZE)];
    const af_purpose_key_t  *purpose;

    purpose = &seals->keys->secrets[key].keys[af_seal_kinds[kind].purpose];

    (void) sodium_bin2base64(text, sizeof(text), purpose->id, AF_KEY_ID_SIZE,
                             AF_BASE64URL);
    (void) ngx_snprintf((u_char *) begins, AF_SEAL_KEY_SIZE, "%s%*s%Z",
                        AF_SEAL_PREFIX,
                        (size_t) AF_SEAL_KEY_LEN - (sizeof(AF_SEAL_PREFIX) - 1),
                        text);
}


/*
 * A batch is resealed here, and stored together with reading the next one.  So
 * a batch without rows ends what a key has sealed, with nothing to be stored.
 */

ngx_int_t
af_seals_next(void *data, const PGresult *batch, const char *const **values)
{
    af_seals_t *seals = data;

    if (batch == NULL) {
        af_seals_first(seals);

    } else if (PQntuples(batch)) {
        af_seals_batch(seals, batch);

    } else if (!af_seals_advance(seals)) {
        af_seals_report(seals);
        return NGX_DONE;
    }

    *values = seals->values;

    return NGX_OK;
}


static void
af_seals_first(af_seals_t *seals)
{
    seals->kind = 0;
    seals->key = 1;
    seals->broken = 0;

    af_seals_place(seals);
}


static void
af_seals_place(af_seals_t *seals)
{
    const char  *kind;

    static const char  zero[] = "00000000-0000-0000-0000-000000000000";

    kind = af_seal_kinds[seals->kind].name;

    af_seals_begins(seals, seals->kind, seals->key, seals->begins);
    ngx_memcpy(seals->after, zero, sizeof(zero));

    seals->values[AF_SEALS_KIND] = kind;
    seals->values[AF_SEALS_NEXT] = kind;
    seals->values[AF_SEALS_KEY] = seals->begins;
    seals->values[AF_SEALS_AFTER] = seals->after;
    seals->values[AF_SEALS_SEALS] = AF_SEALS_NONE;
}


static ngx_uint_t
af_seals_advance(af_seals_t *seals)
{
    if (++seals->key == seals->keys->n) {
        seals->key = 1;

        if (++seals->kind == AF_SEAL_KINDS) {
            return 0;
        }
    }

    af_seals_place(seals);

    return 1;
}


static void
af_seals_batch(af_seals_t *seals, const PGresult *batch)
{
    int      row, n, id, user_id, sealed;
    char    *old, *last, newer[AF_SEALED_SIZE];
    u_char  *p;

    id = PQfnumber(batch, "id");
    user_id = PQfnumber(batch, "user_id");
    sealed = PQfnumber(batch, "sealed");

    n = ngx_min(PQntuples(batch), AF_SEALS_BATCH);
    p = (u_char *) seals->batch;

    for (row = 0; row < n; row++) {
        old = PQgetvalue(batch, row, sealed);
        last = PQgetvalue(batch, row, id);

        /* as texts, ids have the same order */

        if (ngx_strcmp(last, seals->after) > 0) {
            (void) ngx_cpystrn((u_char *) seals->after, (u_char *) last,
                               AF_UUID_SIZE);
        }

        if (af_seals_reseal(seals, PQgetvalue(batch, row, user_id), old, newer)
            != NGX_OK)
        {
            seals->broken++;
            continue;
        }

        p = ngx_sprintf(p, "%c{\"id\":\"%s\",\"old\":\"%s\",\"new\":\"%s\"}",
                        p == (u_char *) seals->batch ? '[' : ',',
                        last, old, newer);
        seals->replaced++;
    }

    (void) ngx_sprintf(p, p == (u_char *) seals->batch ? "[]%Z" : "]%Z");

    seals->values[AF_SEALS_SEALS] = seals->batch;
}


/* what was opened is not longer than what can be sealed */

static ngx_int_t
af_seals_reseal(const af_seals_t *seals, const char *user_id,
    const char *sealed, char newer[AF_SEALED_SIZE])
{
    int        rc;
    char       text[AF_SEAL_TEXT_SIZE];
    size_t     len;
    ptrdiff_t  key;

    len = ngx_strlen(sealed);

    if (seals->kind == AF_SEAL_SEED) {
        key = af_mfa_unseal(seals->keys, user_id, sealed, len, text);
        rc = (key == -1) ? -1 : af_mfa_seal(seals->keys, user_id, text, newer);

    } else {
        key = af_unseal(seals->keys, AF_PURPOSE_PASSWORD, sealed, len, text);
        rc = (key == -1) ? -1 : af_seal(seals->keys, AF_PURPOSE_PASSWORD, text,
                                        newer);
    }

    sodium_memzero(text, sizeof(text));

    return (rc == 0) ? NGX_OK : NGX_DECLINED;
}


static void
af_seals_report(af_seals_t *seals)
{
    if (seals->replaced) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "autoflow: %ui seals of former keys were replaced",
                      seals->replaced);
    }

    if (seals->broken && seals->broken != seals->reported) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "autoflow: %ui seals are not opened by the former key "
                      "that they name: somebody else has written them",
                      seals->broken);
    }

    seals->reported = seals->broken;
    seals->replaced = 0;
}


const char *const *
af_seals_values(const af_seals_t *seals)
{
    return seals->census;
}


void
af_seals_counted(af_seals_t *seals, const PGresult *res)
{
    int          row;
    char        *name, *key, *n;
    u_char      *p, keys[AF_SEALS_LOG_SIZE];
    int64_t      count, counts[AF_SEAL_KINDS][AF_SEAL_KEYS];
    ngx_uint_t   kind, missing;

    ngx_memzero(counts, sizeof(counts));
    p = keys;
    missing = 0;

    for (row = 0; row < PQntuples(res); row++) {
        name = PQgetvalue(res, row, PQfnumber(res, "kind"));
        key = PQgetvalue(res, row, PQfnumber(res, "key"));
        n = PQgetvalue(res, row, PQfnumber(res, "n"));

        count = strtoll(n, NULL, 10);
        kind = (ngx_strcmp(name, af_seal_kinds[AF_SEAL_SEED].name) == 0)
               ? AF_SEAL_SEED : AF_SEAL_HASH;

        if (af_seals_find(seals, kind, key) != -1) {
            counts[kind][AF_SEAL_FORMER] += count;
            continue;
        }

        counts[kind][AF_SEAL_MISSING] += count;
        missing += count;

        p = ngx_slprintf(p, keys + sizeof(keys) - 1, "%s%s: %s%L by the key %s",
                         p == keys ? "" : ", ", af_seal_kinds[kind].rows,
                         count == AF_SEALS_MAX ? "at least " : "", count, key);
    }

    *p = '\0';

    for (kind = 0; kind < AF_SEAL_KINDS; kind++) {
        af_gauge_set(AF_METRIC_SEALS, kind * AF_SEAL_KEYS + AF_SEAL_FORMER,
                     counts[kind][AF_SEAL_FORMER]);
        af_gauge_set(AF_METRIC_SEALS, kind * AF_SEAL_KEYS + AF_SEAL_MISSING,
                     counts[kind][AF_SEAL_MISSING]);
    }

    af_seals_tell(seals, missing, (char *) keys);
}


static ptrdiff_t
af_seals_find(const af_seals_t *seals, ngx_uint_t kind, const char *begins)
{
    char    own[AF_SEAL_KEY_SIZE];
    size_t  i;

    for (i = 0; i < seals->keys->n; i++) {
        af_seals_begins(seals, kind, i, own);

        if (ngx_strcmp(own, begins) == 0) {
            return i;
        }
    }

    return -1;
}


/* when a node starts, and when that changes */

static void
af_seals_tell(af_seals_t *seals, ngx_uint_t missing, const char *keys)
{
    if (missing && !seals->missing) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "autoflow: no \"autoflow_seal_key\" opens what others "
                      "have sealed, which nobody can use: %s", keys);

    } else if (!missing && seals->missing) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "autoflow: each seal is opened by an "
                      "\"autoflow_seal_key\" again");
    }

    seals->missing = (missing != 0);
}
