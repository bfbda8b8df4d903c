
/*
 * Who may do what in a location: qasino_allow names classes of operations,
 * qasino_identity says who the client is.  Both go to the worker with the
 * request, which has the last word, as only it reads bodies; what the query
 * string alone gives away is refused here, before a body is read.
 *
 * A browser adds the password or the certificate of its user to whatever a
 * page makes it send, and pages of other origins may make it send anything
 * that looks like a form or an image.  It does say where the page is from:
 * Sec-Fetch-Site, or by plain HTTP Origin, which a page cannot set.  Such a
 * request may ask, as its page never sees the answer, and nothing else.
 * Clients that are no browsers send neither.
 */


#include "ngx_http_qasino_module.h"


static ngx_uint_t ngx_http_qasino_is_foreign(ngx_http_request_t *r);
static ngx_uint_t ngx_http_qasino_same_host(ngx_http_request_t *r,
    ngx_str_t *origin);


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
    const char                  *name, *reason;
    ngx_uint_t                   classes;
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    classes = qsn_op_classes(ctx->op);

    /* what only asks, most of the requests, need not be looked at */

    if (classes != QSN_CLASS_QUERY) {
        ctx->foreign = ngx_http_qasino_is_foreign(r);
    }

    if (classes && (classes & ngx_http_qasino_allowed(r)) == 0) {

        name = qsn_class_name(classes);
        reason = (classes & (qlcf->allow >> 1))
                 ? "for pages of another origin (Sec-Fetch-Site, Origin)"
                 : "here (qasino_allow)";

        len = sizeof("Operations of class '' are not allowed ") - 1
              + ngx_strlen(name) + ngx_strlen(reason);

        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        message->data = p;
        message->len = ngx_sprintf(p, "Operations of class '%s' are not "
                                   "allowed %s", name, reason)
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
    ngx_http_qasino_ctx_t       *ctx;
    ngx_http_qasino_loc_conf_t  *qlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);
    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    return (qlcf->allow >> 1)
           & (ctx->foreign ? QSN_CLASS_QUERY : QSN_CLASS_ALL);
}


/*
 * Whether a page of another origin sends it.  One of the same site is another
 * origin, too: another port of this host, or another host of the domain.
 */

static ngx_uint_t
ngx_http_qasino_is_foreign(ngx_http_request_t *r)
{
    ngx_str_t  *site, *origin;

    site = ngx_http_qasino_header(r, "sec-fetch-site");

    if (site) {
        return !(ngx_http_qasino_word_is(site, "same-origin")
                 || ngx_http_qasino_word_is(site, "none"));
    }

    origin = ngx_http_qasino_header(r, "origin");

    return origin && !ngx_http_qasino_same_host(r, origin);
}


/*
 * The scheme is left out: in front of this nginx may be what ends TLS.  Where
 * the origin has none ("null") it is no host's.
 */

static ngx_uint_t
ngx_http_qasino_same_host(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char     *p, *last;
    ngx_str_t  *host;

    host = r->headers_in.host ? &r->headers_in.host->value
                              : &r->headers_in.server;

    last = origin->data + origin->len;

    p = ngx_strlcasestrn(origin->data, last, (u_char *) "://", 3 - 1);

    if (p == NULL) {
        return 0;
    }

    p += 3;

    return (size_t) (last - p) == host->len
           && ngx_strncasecmp(p, host->data, host->len) == 0;
}
