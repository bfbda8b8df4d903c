
/*
 * The worker's answer as HTTP: its headers, wherever its body comes from,
 * and the whole of it where the body is in memory.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_number_header(ngx_http_request_t *r,
    ngx_table_elt_t **header, const char *name, uint64_t number);


ngx_int_t
ngx_http_qasino_set_headers(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    uint64_t                retry_after;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ctx->reply = *reply;
    ctx->format = reply->format;

    if (ctx->op == QSN_OP_NONE) {
        ctx->op = reply->op;
    }

    ngx_http_qasino_set_content_type(r, reply->format);

    if (reply->generation_known
        && ngx_http_qasino_number_header(r, &ctx->generation_header,
                                         "Qasino-Generation",
                                         reply->generation)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    retry_after = reply->retry_after;

    if (retry_after == 0 && reply->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        retry_after = 1;
    }

    if (retry_after
        && ngx_http_qasino_number_header(r, &ctx->retry_after_header,
                                         "Retry-After", retry_after)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_qasino_set_validators(r, reply);
}


ngx_int_t
ngx_http_qasino_send_headers(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    if (ngx_http_qasino_set_headers(r, reply) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = reply->status;
    r->headers_out.content_length_n = reply->body.len;

    return ngx_http_send_header(r);
}


/* The body has to stay where it is until the response is sent. */

ngx_int_t
ngx_http_qasino_send_reply(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    rc = ngx_http_qasino_send_headers(r, reply);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (reply->body.len) {
        b->pos = reply->body.data;
        b->last = reply->body.data + reply->body.len;
        b->memory = 1;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* *header is kept, so that another try can take it back */

static ngx_int_t
ngx_http_qasino_number_header(ngx_http_request_t *r, ngx_table_elt_t **header,
    const char *name, uint64_t number)
{
    u_char  *value;

    value = ngx_pnalloc(r->pool, NGX_INT64_LEN + 1);
    if (value == NULL) {
        return NGX_ERROR;
    }

    *ngx_sprintf(value, "%uL", number) = '\0';

    *header = ngx_http_qasino_add_header(r, name, (char *) value);

    return *header ? NGX_OK : NGX_ERROR;
}
