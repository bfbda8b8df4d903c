
/*
 * What caches other than ours (a browser's, a proxy's) are told: an ETag, for
 * how long the generation lasts, or to keep their hands off.  And what they
 * ask: If-None-Match is answered from the generation page, as what the
 * answer's ETag would be is known before the worker is asked.
 *
 * In the last second of a generation there is no 304, for max-age is 0 then:
 * nginx, as a proxy that revalidates, would have the max-age it was told with
 * the answer begin once more, and outlive the generation.
 *
 * If-Modified-Since is ignored: a second is too coarse for a static table.
 * There is no Age, as what is sent is never older than the snapshot; and no
 * must-revalidate, which would let a shared cache keep what was asked for
 * with a password.
 */


#include <nginx.h>

#include "ngx_http_qasino_module.h"

#include "qsn_clock.h"


static void ngx_http_qasino_print_etag(ngx_http_request_t *r,
    uint64_t generation, uint64_t static_version, ngx_str_t *etag);
static ngx_int_t ngx_http_qasino_set_etag(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);
static ngx_int_t ngx_http_qasino_set_max_age(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);
static ngx_int_t ngx_http_qasino_set_cache_control(ngx_http_request_t *r,
    const char *value);


/* two numbers and a hash, in hexadecimal */
#define NGX_HTTP_QASINO_ETAG_SIZE                                             \
    (sizeof("\"--\"") - 1 + 2 * 16 + 2 * NGX_HTTP_QASINO_HASH_SIZE)


ngx_int_t
ngx_http_qasino_set_validators(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    ngx_http_qasino_ctx_t  *ctx;

    /* what was posted is cached by nobody */

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (!ctx->keyed || reply->status != NGX_HTTP_OK || reply->max_age == 0) {
        return ngx_http_qasino_set_no_store(r);
    }

    if (ngx_http_qasino_set_etag(r, reply) != NGX_OK) {
        return NGX_ERROR;
    }

#if (NGX_HTTP_GZIP)

    /* "Vary", if gzip_vary is on: also with HEAD and 304, without gzip */
    r->gzip_vary = 1;

#endif

    return ngx_http_qasino_set_max_age(r, reply);
}


ngx_int_t
ngx_http_qasino_set_no_store(ngx_http_request_t *r)
{
    return ngx_http_qasino_set_cache_control(r, "no-store");
}


void
ngx_http_qasino_clear_validators(ngx_http_request_t *r)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ngx_http_clear_etag(r);

    if (ctx->cache_control_header) {
        ctx->cache_control_header->hash = 0;
    }
}


/*
 * "*" is left to nginx's own filter: it matches what the worker answers, and
 * whether that is a result nobody knows yet.
 */

ngx_uint_t
ngx_http_qasino_none_match(ngx_http_request_t *r, uint64_t generation,
    uint64_t static_version)
{
    u_char     *p, *last, *end;
    ngx_str_t   etag;
    u_char      buf[NGX_HTTP_QASINO_ETAG_SIZE];

    if (r->headers_in.if_none_match == NULL) {
        return 0;
    }

    etag.data = buf;
    ngx_http_qasino_print_etag(r, generation, static_version, &etag);

    p = r->headers_in.if_none_match->value.data;
    last = p + r->headers_in.if_none_match->value.len;

    /* whatever stands between quotes is an ETag, weak or not */

    for ( ;; ) {
        p = ngx_strlchr(p, last, '"');
        if (p == NULL) {
            return 0;
        }

        end = ngx_strlchr(p + 1, last, '"');
        if (end == NULL) {
            return 0;
        }

        end++;

        if ((size_t) (end - p) == etag.len
            && ngx_memcmp(p, etag.data, etag.len) == 0)
        {
            return 1;
        }

        p = end;
    }
}


/* etag->data has room for NGX_HTTP_QASINO_ETAG_SIZE bytes */

static void
ngx_http_qasino_print_etag(ngx_http_request_t *r, uint64_t generation,
    uint64_t static_version, ngx_str_t *etag)
{
    u_char                 *p;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    p = ngx_sprintf(etag->data, "\"%xL-%xL-", generation, static_version);
    p = ngx_hex_dump(p, ctx->key.hash, NGX_HTTP_QASINO_HASH_SIZE);
    *p++ = '"';

    etag->len = p - etag->data;
}


static ngx_int_t
ngx_http_qasino_set_etag(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    ngx_str_t         etag;
    ngx_table_elt_t  *h;

    etag.data = ngx_pnalloc(r->pool, NGX_HTTP_QASINO_ETAG_SIZE);
    if (etag.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_qasino_print_etag(r, reply->generation, reply->static_version,
                               &etag);

    h = ngx_http_qasino_add_header(r, "ETag", "");
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->value = etag;

    r->headers_out.etag = h;

    return NGX_OK;
}


/*
 * What is left of the generation at this moment, by the same clock that the
 * worker rotates by.  An answer that took so long that it is of the last
 * generation may still be compared by its ETag.
 */

static ngx_int_t
ngx_http_qasino_set_max_age(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    u_char            *p;
    uint64_t           left, now;
    qsn_page_state_t   page;

    left = reply->max_age;

    if (ngx_http_qasino_read_page(r, &page) == NGX_OK) {
        now = qsn_clock_monotonic_ms();

        left = (page.generation_number == reply->generation
                && page.static_version == reply->static_version
                && page.expires_ms > now)
               ? page.expires_ms - now : 0;
    }

    if (left < NGX_HTTP_QASINO_LEAST_LEFT) {
        r->disable_not_modified = 1;
    }

    p = ngx_pnalloc(r->pool, sizeof("max-age=") + NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(p, "max-age=%uL%Z", left / 1000);

    return ngx_http_qasino_set_cache_control(r, (char *) p);
}


static ngx_int_t
ngx_http_qasino_set_cache_control(ngx_http_request_t *r, const char *value)
{
    ngx_table_elt_t         *h;
    ngx_http_qasino_ctx_t   *ctx;
#if (nginx_version < 1023000)
    ngx_table_elt_t        **ph;
#endif

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    h = ctx->cache_control_header;

    if (h) {
        h->hash = 1;
        h->value.data = (u_char *) value;
        h->value.len = ngx_strlen(value);

        return NGX_OK;
    }

    h = ngx_http_qasino_add_header(r, "Cache-Control", value);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)

    r->headers_out.cache_control = h;

#else

    if (r->headers_out.cache_control.elts == NULL
        && ngx_array_init(&r->headers_out.cache_control, r->pool, 1,
                          sizeof(ngx_table_elt_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ph = ngx_array_push(&r->headers_out.cache_control);
    if (ph == NULL) {
        return NGX_ERROR;
    }

    *ph = h;

#endif

    ctx->cache_control_header = h;

    return NGX_OK;
}
