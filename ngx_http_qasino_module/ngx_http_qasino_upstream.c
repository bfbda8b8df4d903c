
/*
 * A request with a connection to the worker for itself: what is too large
 * for the link, and the way out where the link is not to be had.
 * Connecting, pooling, retrying and timing out are nginx's; what lies behind
 * the RESPONSE frame's arguments is for ngx_http_qasino_body.c.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_qasino_copy_body(ngx_http_request_t *r,
    ngx_chain_t *cl);
static ngx_int_t ngx_http_qasino_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_qasino_process_header(ngx_http_request_t *r);
static void ngx_http_qasino_abort_request(ngx_http_request_t *r);
static void ngx_http_qasino_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


ngx_int_t
ngx_http_qasino_create_upstream(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    ngx_http_upstream_t  *u;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    ngx_str_set(&u->schema, "qasino://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_qasino_module;

    u->conf = &qlcf->upstream;

    u->create_request = ngx_http_qasino_create_request;
    u->reinit_request = ngx_http_qasino_reinit_request;
    u->process_header = ngx_http_qasino_process_header;
    u->abort_request = ngx_http_qasino_abort_request;
    u->finalize_request = ngx_http_qasino_finalize_request;

    u->buffering = qlcf->upstream.buffering;

    u->pipe = ngx_pcalloc(r->pool, sizeof(ngx_event_pipe_t));
    if (u->pipe == NULL) {
        return NGX_ERROR;
    }

    u->pipe->input_filter = ngx_http_qasino_pipe_filter;
    u->pipe->input_ctx = r;

    u->input_filter_init = ngx_http_qasino_input_filter_init;
    u->input_filter = ngx_http_qasino_non_buffered_filter;
    u->input_filter_ctx = r;

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_create_request(ngx_http_request_t *r)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    b = ngx_create_temp_buf(r->pool, ngx_http_qasino_request_size(r));
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    ctx->id = ngx_http_qasino_next_id();

    b->last = ngx_http_qasino_put_request(b->last, r, ctx->id, 0);

    /* a body that is not read yet is added by nginx as it comes */

    if (ctx->body_length && !ctx->claim && !r->request_body_no_buffering
        && ngx_http_qasino_copy_body(r, cl) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->upstream->request_bufs = cl;

    return NGX_OK;
}


/*
 * The body follows cl in buffers of its own: nginx rewinds them for another
 * try.  Those in a file stay there.
 */

static ngx_int_t
ngx_http_qasino_copy_body(ngx_http_request_t *r, ngx_chain_t *cl)
{
    ngx_buf_t    *b;
    ngx_chain_t  *body;

    for (body = r->request_body->bufs; body; body = body->next) {

        b = ngx_alloc_buf(r->pool);
        if (b == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(b, body->buf, sizeof(ngx_buf_t));

        cl->next = ngx_alloc_chain_link(r->pool);
        if (cl->next == NULL) {
            return NGX_ERROR;
        }

        cl = cl->next;
        cl->buf = b;
        cl->next = NULL;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_reinit_request(ngx_http_request_t *r)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx == NULL) {
        return NGX_OK;
    }

    ctx->rest = 0;
    ctx->head_size = 0;
    ctx->reason_size = 0;
    ngx_memzero(&ctx->reply, sizeof(ngx_http_qasino_reply_t));
    ctx->more = 0;
    ctx->aborted = 0;
    ctx->broken = 0;

    if (ctx->generation_header) {
        ctx->generation_header->hash = 0;
    }

    if (ctx->retry_after_header) {
        ctx->retry_after_header->hash = 0;
    }

    ngx_http_qasino_clear_validators(r);

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_process_header(ngx_http_request_t *r)
{
    off_t                     ready;
    u_char                   *p;
    ngx_int_t                 rc;
    qsn_frame_t               frame;
    const char               *wrong;
    ngx_http_upstream_t      *u;
    ngx_http_qasino_ctx_t    *ctx;
    ngx_http_qasino_reply_t   reply;

    u = r->upstream;
    p = u->buffer.pos;

    rc = ngx_http_qasino_parse_response(&p, u->buffer.last,
                                        u->buffer.end - u->buffer.start,
                                        &frame, &reply, &wrong);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        goto invalid;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (frame.id != ctx->id) {
        wrong = "response to another request";
        goto invalid;
    }

    if (frame.flags & ~QSN_FLAG_MORE) {
        wrong = "response with unknown flags";
        goto invalid;
    }

    ready = u->buffer.last - p;

    ctx->rest = frame.body_length;
    ctx->more = (frame.flags & QSN_FLAG_MORE) ? 1 : 0;

    if (!ctx->more && ready > ctx->rest) {
        wrong = "bytes after the end of the response";
        goto invalid;
    }

    if (ngx_http_qasino_set_headers(r, &reply) != NGX_OK) {
        return NGX_ERROR;
    }

    u->buffer.pos = p;

    u->headers_in.status_n = frame.status;
    u->headers_in.content_length_n = ctx->more ? -1 : ctx->rest;
    u->state->status = frame.status;

    /* of a HEAD request's response nothing but this header is ever read */

    if (!ctx->more && ready == ctx->rest) {
        u->keepalive = 1;
    }

    return NGX_OK;

invalid:

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "worker sent invalid response: %s", wrong);

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


static void
ngx_http_qasino_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "abort http qasino request");
}


static void
ngx_http_qasino_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "finalize http qasino request: %i", rc);
}
