
/*
 * Who may do what in a location: qasino_allow names classes of operations,
 * qasino_identity says who the client is.  Both go to the worker with the
 * request, which has the last word, as only it reads bodies; what the query
 * string alone gives away is refused here, before a body is read.
 */


#include "ngx_http_qasino_module.h"


ngx_conf_bitmask_t  ngx_http_qasino_allow_masks[] = {
    { ngx_string("query"), QSN_CLASS_QUERY << 1 },
    { ngx_string("publish"), QSN_CLASS_PUBLISH << 1 },
    { ngx_string("update"), QSN_CLASS_UPDATE << 1 },
    { ngx_string("static"), QSN_CLASS_STATIC << 1 },
    { ngx_string("all"), QSN_CLASS_ALL << 1 },
    { ngx_null_string, 0 }
};


ngx_uint_t
ngx_http_qasino_check_access(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx, ngx_str_t *message)
{
    u_char                      *p;
    size_t                       len;
    const char                  *name;
    ngx_uint_t                   classes;
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    classes = qsn_op_classes(ctx->op);

    if (classes && (classes & ngx_http_qasino_allowed(r)) == 0) {

        name = qsn_class_name(classes);
        len = sizeof("Operations of class '' are not allowed here "
                     "(qasino_allow)") - 1 + ngx_strlen(name);

        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        message->data = p;
        message->len = ngx_sprintf(p, "Operations of class '%s' are not "
                                   "allowed here (qasino_allow)", name)
                       - p;

        return NGX_HTTP_FORBIDDEN;
    }

    if (qlcf->identity == NULL) {
        return 0;
    }

    if (ngx_http_complex_value(r, qlcf->identity, &ctx->identity) != NGX_OK) {
        ngx_str_set(message, "The identity cannot be told");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->identity.len > QSN_IDENTITY_MAX) {
        ngx_str_set(message, "The identity asserted for this request is "
                             "too long");
        return NGX_HTTP_FORBIDDEN;
    }

    /* there is one, if only an empty one */

    if (ctx->identity.data == NULL) {
        ctx->identity.data = (u_char *) "";
    }

    return 0;
}


ngx_uint_t
ngx_http_qasino_allowed(ngx_http_request_t *r)
{
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    return (qlcf->allow >> 1) & QSN_CLASS_ALL;
}
