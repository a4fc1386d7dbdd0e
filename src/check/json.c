#include <stdlib.h>
#include <string.h>

#include "check/json.h"
#include "check/wipe.h"


static void *af_json_malloc(size_t size);


/* how often jansson got no memory */
static size_t  af_json_alloc_failures;


/*
 * jansson is shared by the whole process, and may outlive the module.  What one
 * function allocates the other's free() can free.  Ours wipes everything:
 * copies of a password are in strings, and in the buffers of jansson's parser.
 */

__attribute__((constructor))
static void
af_json_set_allocator(void)
{
    json_set_alloc_funcs(af_json_malloc, af_wipe_free);
}


__attribute__((destructor))
static void
af_json_reset_allocator(void)
{
    json_free_t    give;
    json_malloc_t  take;

    json_get_alloc_funcs(&take, &give);

    if (take == af_json_malloc) {
        json_set_alloc_funcs(malloc, free);
    }
}


static void *
af_json_malloc(size_t size)
{
    void  *p;

    p = malloc(size);

    if (p == NULL) {
        (void) __atomic_fetch_add(&af_json_alloc_failures, 1, __ATOMIC_RELAXED);
    }

    return p;
}


json_t *
af_json_load(const char *text, size_t len, size_t flags, json_error_t *error)
{
    size_t   before;
    json_t  *json;

    memset(error, 0, sizeof(json_error_t));

    before = __atomic_load_n(&af_json_alloc_failures, __ATOMIC_RELAXED);

    json = json_loadb(text, len, flags, error);

    if (before != __atomic_load_n(&af_json_alloc_failures, __ATOMIC_RELAXED)) {
        json_decref(json);
        json = NULL;

        /* where json_error_code() reads it */
        error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
    }

    return json;
}
