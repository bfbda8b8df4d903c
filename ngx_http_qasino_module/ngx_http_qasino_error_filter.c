
/*
 * nginx's own error pages become the error document: those of its access,
 * limit and static modules, of its parser, and of an upstream that failed.
 * What the worker, this module's handler, another upstream or an error_page
 * answered is left alone: only the body that nginx itself makes up is
 * replaced, which the header filter recognises and announces, and the body
 * filter does.
 *
 * A worker that is away shows as 502 or as a 504 before the request was
 * sent.  To a client both mean: try again, so both become 503.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_qasino_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_qasino_is_error_page(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);
static ngx_http_qasino_ctx_t *ngx_http_qasino_error_ctx(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_qasino_worker_is_away(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);
static ngx_int_t ngx_http_qasino_adjust_status(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);
static ngx_int_t ngx_http_qasino_error_message(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf, ngx_str_t *message);
#if (NGX_HTTP_SSL)
static ngx_uint_t ngx_http_qasino_certificate_message(ngx_http_request_t *r,
    ngx_str_t *message);
#endif
static ngx_int_t ngx_http_qasino_format_message(ngx_http_request_t *r,
    ngx_str_t *message, const char *format, off_t number);


typedef struct {
    ngx_uint_t   status;
    ngx_str_t    message;
} ngx_http_qasino_message_t;


static ngx_http_qasino_message_t  ngx_http_qasino_messages[] = {
    { NGX_HTTP_BAD_REQUEST,
      ngx_string("Bad request: not valid HTTP, or its headers are too large") },
    { NGX_HTTP_UNAUTHORIZED, ngx_string("Authorization required") },
    { NGX_HTTP_FORBIDDEN, ngx_string("Access denied") },
    { NGX_HTTP_NOT_FOUND, ngx_string("Not found") },
    { NGX_HTTP_NOT_ALLOWED, ngx_string("Method not allowed") },
    { NGX_HTTP_REQUEST_TIME_OUT,
      ngx_string("The request took too long to arrive") },
    { NGX_HTTP_LENGTH_REQUIRED,
      ngx_string("The request needs a Content-Length") },
    { NGX_HTTP_PRECONDITION_FAILED, ngx_string("Precondition failed") },
    { NGX_HTTP_REQUEST_URI_TOO_LARGE,
      ngx_string("The request line is too long "
                 "(large_client_header_buffers): "
                 "send the statement in the body of a POST") },
    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, ngx_string("Unsupported media type") },
    { NGX_HTTP_RANGE_NOT_SATISFIABLE,
      ngx_string("The requested range is not available") },
    { NGX_HTTP_TOO_MANY_REQUESTS, ngx_string("Too many requests, try later") },
    { NGX_HTTP_INTERNAL_SERVER_ERROR, ngx_string("Internal server error") },
    { NGX_HTTP_NOT_IMPLEMENTED, ngx_string("Not implemented") },
    { NGX_HTTP_BAD_GATEWAY, ngx_string("Bad gateway") },
    { NGX_HTTP_SERVICE_UNAVAILABLE,
      ngx_string("Service unavailable, try again later") },
    { NGX_HTTP_GATEWAY_TIME_OUT, ngx_string("Gateway time-out") },
    { NGX_HTTP_INSUFFICIENT_STORAGE, ngx_string("Insufficient storage") },
    { 0, ngx_null_string }
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_qasino_error_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_qasino_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_qasino_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_header_filter(ngx_http_request_t *r)
{
    ngx_str_t                    message;
    ngx_http_qasino_ctx_t       *ctx;
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    if (!ngx_http_qasino_is_error_page(r, qlcf)) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_qasino_error_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_qasino_error_message(r, qlcf, &message) != NGX_OK
        || ngx_http_qasino_adjust_status(r, qlcf) != NGX_OK
        || ngx_http_qasino_set_no_store(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->error_body = ngx_http_qasino_error_body(r, ctx->format, &message);
    if (ctx->error_body == NULL) {
        return NGX_ERROR;
    }

    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = ngx_buf_size(ctx->error_body);

    ngx_http_qasino_set_content_type(r, ctx->format == QSN_FORMAT_JSON
                                        ? QSN_FORMAT_JSON : QSN_FORMAT_TEXT);

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_qasino_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t             out, *cl;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx == NULL || ctx->error_body == NULL || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    out.buf = ctx->error_body;
    out.next = NULL;

    ctx->error_body = NULL;

    return ngx_http_next_body_filter(r, &out);
}


/*
 * ngx_http_special_response_handler() leaves these traces: the status in
 * r->err_status, and either no body or one of the type text/html whose
 * length is known but whose age is not.  An upstream that still has its
 * cleanup is just answering for an error_page.
 */

static ngx_uint_t
ngx_http_qasino_is_error_page(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    if (qlcf->json_errors == 0
        || (qlcf->json_errors == NGX_CONF_UNSET
            && qlcf->upstream.upstream == NULL))
    {
        return 0;
    }

    if (r->err_status < NGX_HTTP_BAD_REQUEST
        || r->headers_out.status != r->err_status
        || r->headers_out.content_length_n == -1
        || r->headers_out.last_modified_time != -1
        || r->headers_out.etag)
    {
        return 0;
    }

    if (r->upstream && r->upstream->cleanup) {
        return 0;
    }

    return r->headers_out.content_length_n == 0
           || (r->headers_out.content_type.len == sizeof("text/html") - 1
               && r->headers_out.content_type_lowcase == NULL
               && ngx_strncmp(r->headers_out.content_type.data, "text/html",
                              sizeof("text/html") - 1)
                  == 0);
}


/* An error page may come before, or without, a handler of ours. */

static ngx_http_qasino_ctx_t *
ngx_http_qasino_error_ctx(ngx_http_request_t *r)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx) {
        return ctx;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_qasino_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    if (ngx_http_qasino_read_args(r, &ctx->args) != NGX_OK) {
        return NULL;
    }

    (void) qsn_format_parse((char *) ctx->args.format.data,
                            ctx->args.format.len, &ctx->format);

    ngx_http_set_ctx(r, ctx, ngx_http_qasino_module);

    return ctx;
}


static ngx_uint_t
ngx_http_qasino_worker_is_away(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx && ctx->lost) {
        return r->err_status == NGX_HTTP_BAD_GATEWAY;
    }

    if (qlcf->upstream.upstream == NULL || r->upstream == NULL) {
        return 0;
    }

    return r->err_status == NGX_HTTP_BAD_GATEWAY
           || (r->err_status == NGX_HTTP_GATEWAY_TIME_OUT
               && !r->upstream->request_sent);
}


static ngx_int_t
ngx_http_qasino_adjust_status(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    if (ngx_http_qasino_worker_is_away(r, qlcf)) {
        r->err_status = NGX_HTTP_SERVICE_UNAVAILABLE;
        r->headers_out.status = NGX_HTTP_SERVICE_UNAVAILABLE;
        r->headers_out.status_line.len = 0;
    }

    switch (r->err_status) {

    case NGX_HTTP_SERVICE_UNAVAILABLE:
    case NGX_HTTP_TOO_MANY_REQUESTS:
        if (ngx_http_qasino_add_header(r, "Retry-After", "1") == NULL) {
            return NGX_ERROR;
        }

        return NGX_OK;

    case NGX_HTTP_NOT_ALLOWED:
        if (ngx_http_qasino_add_header(r, "Allow",
                                       qlcf->upstream.upstream
                                       ? "GET, HEAD, POST" : "GET, HEAD")
            == NULL)
        {
            return NGX_ERROR;
        }

        return NGX_OK;

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_qasino_error_message(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf, ngx_str_t *message)
{
    ngx_http_qasino_ctx_t      *ctx;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_qasino_message_t  *m;

    if (ngx_http_qasino_worker_is_away(r, qlcf)) {
        ngx_str_set(message, "The Qasino worker is away, try again");
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (r->err_status == NGX_HTTP_GATEWAY_TIME_OUT
        && qlcf->upstream.upstream && (r->upstream || (ctx && ctx->late)))
    {
        return ngx_http_qasino_format_message(r, message,
                       "The Qasino worker did not answer within %O ms "
                       "(qasino_read_timeout)",
                       qlcf->upstream.read_timeout);
    }

    if (r->err_status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        return ngx_http_qasino_format_message(r, message,
                       "The request body is larger than %O bytes "
                       "(client_max_body_size, max_body of worker.yaml)",
                       clcf->client_max_body_size);
    }

#if (NGX_HTTP_SSL)

    if (r->err_status == NGX_HTTP_BAD_REQUEST
        && r->http_connection->ssl && r->connection->ssl == NULL)
    {
        ngx_str_set(message, "This port speaks HTTPS, not plain HTTP");
        return NGX_OK;
    }

    if (r->err_status == NGX_HTTP_BAD_REQUEST
        && ngx_http_qasino_certificate_message(r, message))
    {
        return NGX_OK;
    }

#endif

    for (m = ngx_http_qasino_messages; m->status; m++) {
        if (m->status == r->err_status) {
            *message = m->message;
            return NGX_OK;
        }
    }

    return ngx_http_qasino_format_message(r, message, "HTTP error %O",
                                          r->err_status);
}


#if (NGX_HTTP_SSL)

/* What nginx calls 495 and 496 is a 400 by now. */
static ngx_uint_t
ngx_http_qasino_certificate_message(ngx_http_request_t *r, ngx_str_t *message)
{
    static ngx_str_t  name = ngx_string("ssl_client_verify");

    ngx_http_variable_value_t  *vv;
    ngx_http_ssl_srv_conf_t    *sscf;

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);
    if (sscf == NULL || !sscf->verify) {
        return 0;
    }

    vv = ngx_http_get_variable(r, &name, ngx_hash_key(name.data, name.len));
    if (vv == NULL || vv->not_found) {
        return 0;
    }

    if (sscf->verify == 1 && vv->len == 4
        && ngx_strncmp(vv->data, "NONE", 4) == 0)
    {
        ngx_str_set(message, "A client certificate is needed "
                    "(ssl_verify_client)");
        return 1;
    }

    if (vv->len >= 6 && ngx_strncmp(vv->data, "FAILED", 6) == 0) {
        ngx_str_set(message, "The client certificate is not accepted "
                    "(ssl_client_certificate, ssl_crl)");
        return 1;
    }

    return 0;
}

#endif


static ngx_int_t
ngx_http_qasino_format_message(ngx_http_request_t *r, ngx_str_t *message,
    const char *format, off_t number)
{
    size_t  len;

    len = ngx_strlen(format) + NGX_OFF_T_LEN;

    message->data = ngx_pnalloc(r->pool, len);
    if (message->data == NULL) {
        return NGX_ERROR;
    }

    message->len = ngx_snprintf(message->data, len, format, number)
                   - message->data;

    return NGX_OK;
}
