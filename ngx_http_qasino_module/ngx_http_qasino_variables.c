
/*
 * Variables for the access log and for headers.  They also answer where no
 * handler of ours ran (a request refused by limit_req, say), from the query
 * string and the generation page.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_op_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_qasino_format_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_qasino_generation_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_qasino_cache_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_qasino_set_variable(ngx_http_variable_value_t *v,
    const char *value, size_t len);


/* their values change while the request goes on */

static ngx_http_variable_t  ngx_http_qasino_vars[] = {

    { ngx_string("qasino_op"), NULL, ngx_http_qasino_op_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("qasino_format"), NULL, ngx_http_qasino_format_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("qasino_generation"), NULL,
      ngx_http_qasino_generation_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("qasino_cache_status"), NULL,
      ngx_http_qasino_cache_status_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_qasino_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_qasino_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* Only names that exist: a log needs no text that a client made up. */

static ngx_int_t
ngx_http_qasino_op_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    enum qsn_op              op;
    const char              *name;
    ngx_http_qasino_ctx_t   *ctx;
    ngx_http_qasino_args_t   args;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx && ctx->op != QSN_OP_NONE) {
        op = ctx->op;

    } else {
        if (ngx_http_qasino_read_args(r, &args) != NGX_OK) {
            return NGX_ERROR;
        }

        op = args.op.data ? qsn_op_parse((char *) args.op.data, args.op.len)
                          : QSN_OP_NONE;
    }

    name = qsn_op_name(op);

    if (name[0] == '-') {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_qasino_set_variable(v, name, ngx_strlen(name));

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_format_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    enum qsn_format          format;
    ngx_http_qasino_ctx_t   *ctx;
    ngx_http_qasino_args_t   args;

    static const char *const  names[] = {
        [QSN_FORMAT_JSON] = "json",
        [QSN_FORMAT_TEXT] = "text",
        [QSN_FORMAT_HTML] = "html"
    };

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx) {
        format = ctx->format;

    } else {
        if (ngx_http_qasino_read_args(r, &args) != NGX_OK) {
            return NGX_ERROR;
        }

        if (qsn_format_parse((char *) args.format.data, args.format.len,
                             &format)
            != 0)
        {
            format = QSN_FORMAT_JSON;
        }
    }

    ngx_http_qasino_set_variable(v, names[format], sizeof("json") - 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_generation_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                 *p;
    uint64_t                generation;
    qsn_page_state_t        state;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx && ctx->reply.generation_known) {
        generation = ctx->reply.generation;

    } else if (ngx_http_qasino_read_page(r, &state) == NGX_OK) {
        generation = state.generation_number;

    } else {
        generation = 0;
    }

    if (generation == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_qasino_set_variable(v, (char *) p,
                                 ngx_sprintf(p, "%uL", generation) - p);

    return NGX_OK;
}


/* Nothing where the request never came to a handler of ours. */

static ngx_int_t
ngx_http_qasino_cache_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char                  *status;
    ngx_http_qasino_ctx_t       *ctx;
    ngx_http_qasino_loc_conf_t  *qlcf;

    static const char *const  names[] = {
        [NGX_HTTP_QASINO_CACHE_BYPASS] = "BYPASS",
        [NGX_HTTP_QASINO_CACHE_MISS] = "MISS",
        [NGX_HTTP_QASINO_CACHE_EXPIRED] = "EXPIRED",
        [NGX_HTTP_QASINO_CACHE_HIT] = "HIT"
    };

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);
    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    if (ctx == NULL || qlcf->cache == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    status = names[ctx->cache_status];

    ngx_http_qasino_set_variable(v, status, ngx_strlen(status));

    return NGX_OK;
}


static void
ngx_http_qasino_set_variable(ngx_http_variable_value_t *v, const char *value,
    size_t len)
{
    v->data = (u_char *) value;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}
