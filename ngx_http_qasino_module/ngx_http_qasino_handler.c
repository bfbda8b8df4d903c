
/*
 * A request comes in: is its method, its query string and its body's
 * encoding something to bother the worker with?  What is not is answered
 * here; what is goes to the worker once its body is there.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_method_not_allowed(ngx_http_request_t *r,
    const char *allow, ngx_str_t *message);
static ngx_uint_t ngx_http_qasino_body_is_encoded(ngx_http_request_t *r);
static void ngx_http_qasino_choose_buffering(ngx_http_request_t *r);
static void ngx_http_qasino_body_handler(ngx_http_request_t *r);


ngx_int_t
ngx_http_qasino_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_str_t                    message;
    ngx_uint_t                   status;
    ngx_http_qasino_ctx_t       *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_qasino_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_qasino_module);

    if (ngx_http_qasino_read_args(r, &ctx->args) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_qasino_check_args(r, ctx, &message);

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST))) {
        ngx_str_set(&message, "Method not allowed: use GET or POST");
        return ngx_http_qasino_method_not_allowed(r, "GET, HEAD, POST",
                                                  &message);
    }

    if (status == NGX_HTTP_NOT_ALLOWED) {
        return ngx_http_qasino_method_not_allowed(r, "POST", &message);
    }

    if (status) {
        return ngx_http_qasino_send_error(r, status, &message);
    }

    if (r->method == NGX_HTTP_POST && ngx_http_qasino_body_is_encoded(r)) {
        ngx_str_set(&message, "A request body can't have a Content-Encoding");
        return ngx_http_qasino_send_error(r,
                                          NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                          &message);
    }

    status = ngx_http_qasino_check_access(r, ctx, &message);

    if (status) {
        return ngx_http_qasino_send_error(r, status, &message);
    }

    if (r->method == NGX_HTTP_POST) {
        ngx_http_qasino_choose_buffering(r);

        rc = ngx_http_read_client_request_body(r,
                                               ngx_http_qasino_body_handler);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        return NGX_DONE;
    }

    rc = ngx_http_qasino_cache_lookup(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;

    ngx_http_qasino_ask(r);

    return NGX_DONE;
}


/*
 * A body that would go through a file is passed on as it comes instead, if
 * its length is known: the frame's header says it.
 */

static void
ngx_http_qasino_choose_buffering(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (qlcf->request_buffering || r->headers_in.chunked
        || r->headers_in.content_length_n
           <= (off_t) clcf->client_body_buffer_size
        || r->headers_in.content_length_n > (off_t) QSN_FRAME_BODY_MAX)
    {
        return;
    }

    r->request_body_no_buffering = 1;
}


static ngx_int_t
ngx_http_qasino_method_not_allowed(ngx_http_request_t *r, const char *allow,
    ngx_str_t *message)
{
    if (ngx_http_qasino_add_header(r, "Allow", allow) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_qasino_send_error(r, NGX_HTTP_NOT_ALLOWED, message);
}


static ngx_uint_t
ngx_http_qasino_body_is_encoded(ngx_http_request_t *r)
{
    ngx_str_t  *encoding;

    encoding = ngx_http_qasino_header(r, "content-encoding");

    return encoding && !ngx_http_qasino_word_is(encoding, "identity");
}


ngx_str_t *
ngx_http_qasino_header(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i].value;
        }
    }
}


/*
 * The whole body is there, in memory or in a file, and a chunked one tells
 * its length only now; or its first bytes are.
 */

static void
ngx_http_qasino_body_handler(ngx_http_request_t *r)
{
    ngx_str_t               message;
    ngx_chain_t            *cl;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (r->request_body_no_buffering) {
        ctx->body_length = r->headers_in.content_length_n;

    } else if (r->request_body) {
        for (cl = r->request_body->bufs; cl; cl = cl->next) {
            ctx->body_length += ngx_buf_size(cl->buf);
        }
    }

    if (ctx->body_length > QSN_FRAME_BODY_MAX) {
        ngx_str_set(&message, "The request body is larger than 1 GiB, "
                              "which is all that a frame can hold");

        ngx_http_finalize_request(r,
                          ngx_http_qasino_send_error(r,
                                         NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                         &message));
        return;
    }

    ngx_http_qasino_ask(r);
}


void
ngx_http_qasino_ask(ngx_http_request_t *r)
{
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    if (ngx_http_qasino_link_ask(r, qlcf) == NGX_OK) {
        return;
    }

    ngx_http_qasino_start_upstream(r);
}


void
ngx_http_qasino_start_upstream(ngx_http_request_t *r)
{
    ngx_http_qasino_loc_conf_t  *qlcf;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    if (ngx_http_qasino_create_upstream(r, qlcf) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_upstream_init(r);
}
