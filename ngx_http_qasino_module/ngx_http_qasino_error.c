
/*
 * The error document, the same that the worker makes, and responses that
 * consist of it.
 */


#include "ngx_http_qasino_module.h"


ngx_buf_t *
ngx_http_qasino_error_body(ngx_http_request_t *r, enum qsn_format format,
    ngx_str_t *message)
{
    size_t             size;
    ngx_buf_t         *b;
    qsn_page_state_t   state;

    (void) ngx_http_qasino_read_page(r, &state);

    size = qsn_reply_error_size(format, state.identity,
                                (char *) message->data, message->len);

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NULL;
    }

    b->last = (u_char *) qsn_reply_error((char *) b->last, format,
                                         state.identity,
                                         (char *) message->data,
                                         message->len);

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    return b;
}


ngx_int_t
ngx_http_qasino_send_error(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *message)
{
    ngx_int_t               rc;
    ngx_chain_t             out;
    ngx_http_qasino_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    out.next = NULL;
    out.buf = ngx_http_qasino_error_body(r, ctx->format, message);
    if (out.buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_qasino_set_no_store(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = ngx_buf_size(out.buf);

    /* an error has no HTML form */

    ngx_http_qasino_set_content_type(r, ctx->format == QSN_FORMAT_JSON
                                        ? QSN_FORMAT_JSON : QSN_FORMAT_TEXT);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


/*
 * The length that counts for gzip_types and charset ends before the
 * parameters; as it is not the whole, nginx adds no charset of its own.
 */

void
ngx_http_qasino_set_content_type(ngx_http_request_t *r,
    enum qsn_format format)
{
    u_char     *parameters;
    ngx_str_t  *type;

    type = &r->headers_out.content_type;

    type->data = (u_char *) qsn_format_content_type(format);
    type->len = ngx_strlen(type->data);

    parameters = ngx_strlchr(type->data, type->data + type->len, ';');

    r->headers_out.content_type_len = parameters ? parameters - type->data
                                                 : (ssize_t) type->len;
    r->headers_out.content_type_lowcase = NULL;

    if (parameters) {
        ngx_str_set(&r->headers_out.charset, "utf-8");

    } else {
        ngx_str_null(&r->headers_out.charset);
    }
}


/* name and value are not copied */

ngx_table_elt_t *
ngx_http_qasino_add_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;

    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);

    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return h;
}
