#include "api/api.h"
#include "api/devices.h"
#include "token/device.h"


static void wipe_device(void *data);


static const af_field_t  device_fields[] = {
    { "id", &af_type_uuid, AF_REQUIRED, NULL },
    { "device_info", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "ip_address", &af_type_string, AF_REQUIRED|AF_NULLABLE, NULL },
    { "created_at", &af_type_time, AF_REQUIRED, NULL },
    { "last_used_at", &af_type_time, AF_REQUIRED, NULL },
    { "expires_at", &af_type_time, AF_REQUIRED, NULL },
    { "is_current", &af_type_boolean, AF_REQUIRED, NULL },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  device_schema = { "Device", device_fields, NULL };


static const af_field_t  devices_fields[] = {
    { "devices", &af_type_array, AF_REQUIRED, &device_schema },
    { NULL, NULL, 0, NULL }
};

static const af_schema_t  devices_schema = {
    "DeviceList", devices_fields, NULL
};


const af_route_t  af_devices_routes[] = {

    { NGX_HTTP_GET, "/auth/mfa/devices", AF_USER,
      .summary = "List the browsers that are remembered",
      .answer = &devices_schema,
      .statement = &af_sql_mfa_devices },

    { NGX_HTTP_DELETE, "/auth/mfa/devices/{id}", AF_USER,
      .summary = "Forget a browser",
      .statement = &af_sql_mfa_forget_device },

    { .path = NULL }
};


/* never one that the browser has already: who knows who has put it there */

ngx_int_t
af_step_device(af_ctx_t *ctx)
{
    char                *hash;
    ngx_pool_cleanup_t  *cln;

    af_bind(ctx, "device_hash", NULL);

    if (!json_is_true(json_object_get(ctx->body, "remember"))
        || ctx->conf->mfa_remember == 0 || !af_cookies_on(ctx->request))
    {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(ctx->request->pool, AF_DEVICE_SIZE);
    hash = ngx_pnalloc(ctx->request->pool, AF_DEVICE_HASH_SIZE);

    if (cln == NULL || hash == NULL) {
        return NGX_ERROR;
    }

    cln->handler = wipe_device;

    af_device_make(cln->data);
    (void) af_device_hash(cln->data, AF_DEVICE_SIZE - 1, hash);

    af_bind(ctx, "device", cln->data);
    af_bind(ctx, "device_hash", hash);

    return NGX_OK;
}


static void
wipe_device(void *data)
{
    sodium_memzero(data, AF_DEVICE_SIZE);
}


ngx_int_t
af_device_cookie(af_ctx_t *ctx)
{
    ngx_str_t    value;
    const char  *device;

    if (af_column(ctx, "device") == NULL) {
        return NGX_OK;
    }

    if (af_value(ctx, "device", &device) != NGX_OK) {
        return NGX_ERROR;
    }

    value.data = (u_char *) device;
    value.len = AF_DEVICE_SIZE - 1;

    return af_cookies_set_one(ctx->request, AF_COOKIE_DEVICE, &value,
                              ctx->conf->mfa_remember);
}
