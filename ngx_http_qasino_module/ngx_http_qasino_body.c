
/*
 * The bytes behind a RESPONSE frame's arguments: body, then DATA frames as
 * long as MORE says so.  Their headers are taken out wherever the reads
 * happen to cut them, the rest goes to the client without being copied:
 * through nginx's event pipe (buffers, temporary files) or, with
 * qasino_buffering off, as it comes.
 *
 * An ABORT frame, a broken one and a worker that hangs up are the same to
 * the client: what arrived is sent, then its connection is closed before the
 * response is complete.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_next_body(ngx_http_request_t *r,
    u_char **pos, u_char *last);
static ngx_int_t ngx_http_qasino_data_frame(ngx_http_request_t *r);
static void ngx_http_qasino_take_reason(ngx_http_request_t *r, u_char *pos,
    size_t size);
static off_t ngx_http_qasino_expected(ngx_http_qasino_ctx_t *ctx);


ngx_int_t
ngx_http_qasino_input_filter_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_upstream_t    *u;
    ngx_http_qasino_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    /* an empty body: the filters will not be called */

    if (ctx->rest == 0 && !ctx->more) {
        u->pipe->length = 0;
        u->length = 0;
        u->keepalive = 1;

        return NGX_OK;
    }

    u->keepalive = 0;

    u->pipe->length = ngx_http_qasino_expected(ctx);

    /* unbuffered: anything but 0 says that there is more to come */

    u->length = 1;

    return NGX_OK;
}


/*
 * Each part of buf that is body becomes a buffer of p->in.  They are chained
 * by their shadows, the last one leads back to buf, which is free again when
 * all of them are sent.
 */

ngx_int_t
ngx_http_qasino_pipe_filter(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    size_t                  size;
    ngx_int_t               rc;
    ngx_buf_t              *b, **prev;
    ngx_chain_t            *cl;
    ngx_http_request_t     *r;
    ngx_http_qasino_ctx_t  *ctx;

    if (buf->pos == buf->last) {
        return NGX_OK;
    }

    r = p->input_ctx;
    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    b = NULL;
    prev = &buf->shadow;

    for ( ;; ) {

        rc = ngx_http_qasino_next_body(r, &buf->pos, buf->last);

        if (rc != NGX_OK) {
            break;
        }

        cl = ngx_chain_get_free_buf(p->pool, &p->free);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        size = ngx_min(ctx->rest, (off_t) (buf->last - buf->pos));

        b = cl->buf;

        ngx_memzero(b, sizeof(ngx_buf_t));

        b->start = buf->start;
        b->end = buf->end;
        b->pos = buf->pos;
        b->last = buf->pos + size;
        b->tag = p->tag;
        b->temporary = 1;
        b->recycled = 1;
        b->num = buf->num;

        *prev = b;
        prev = &b->shadow;

        if (p->in) {
            *p->last_in = cl;

        } else {
            p->in = cl;
        }

        p->last_in = &cl->next;

        buf->pos += size;
        ctx->rest -= size;
    }

    if (rc == NGX_ERROR) {
        p->upstream_error = 1;

    } else if (rc == NGX_DONE) {
        p->length = 0;

    } else {
        p->length = ngx_http_qasino_expected(ctx);
    }

    if (b) {
        b->shadow = buf;
        b->last_shadow = 1;

        return NGX_OK;
    }

    /* nothing but frame headers in it */

    return ngx_event_pipe_add_free_buf(p, buf);
}


/* The new bytes are those at u->buffer.last. */

ngx_int_t
ngx_http_qasino_non_buffered_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    size_t                  size;
    u_char                 *pos, *last;
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_chain_t            *cl, **ll;
    ngx_http_upstream_t    *u;
    ngx_http_qasino_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    for (cl = u->out_bufs, ll = &u->out_bufs; cl; cl = cl->next) {
        ll = &cl->next;
    }

    pos = u->buffer.last;
    last = pos + bytes;

    u->buffer.last = last;

    for ( ;; ) {

        rc = ngx_http_qasino_next_body(r, &pos, last);

        if (rc != NGX_OK) {
            break;
        }

        cl = ngx_chain_get_free_buf(r->pool, &u->free_bufs);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        size = ngx_min(ctx->rest, (off_t) (last - pos));

        *ll = cl;
        ll = &cl->next;

        b = cl->buf;

        b->flush = 1;
        b->memory = 1;
        b->pos = pos;
        b->last = pos + size;
        b->tag = u->output.tag;

        pos += size;
        ctx->rest -= size;
    }

    if (rc == NGX_ERROR) {
        u->error = 1;

    } else if (rc == NGX_DONE) {
        u->length = 0;
    }

    return NGX_OK;
}


/*
 * Goes over what is not body.  NGX_OK: body at *pos, ctx->rest bytes of it or
 * up to last; NGX_AGAIN: last is reached; NGX_DONE: the response is complete;
 * NGX_ERROR: it never will be.
 */

static ngx_int_t
ngx_http_qasino_next_body(ngx_http_request_t *r, u_char **pos, u_char *last)
{
    size_t                  size;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    for ( ;; ) {

        if (ctx->broken) {
            *pos = last;
            return NGX_ERROR;
        }

        if (ctx->rest && !ctx->aborted) {
            return *pos < last ? NGX_OK : NGX_AGAIN;
        }

        if (ctx->rest) {
            size = ngx_min(ctx->rest, (off_t) (last - *pos));
            ngx_http_qasino_take_reason(r, *pos, size);

            *pos += size;
            ctx->rest -= size;

            if (ctx->rest) {
                return NGX_AGAIN;
            }
        }

        if (ctx->aborted) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "worker broke off its response: \"%*s\"",
                          ctx->reason_size, ctx->reason);
            ctx->broken = 1;
            continue;
        }

        if (!ctx->more) {
            r->upstream->keepalive = (*pos == last);

            if (*pos != last) {
                ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                              "worker sent bytes after the end of its "
                              "response");
                *pos = last;
            }

            return NGX_DONE;
        }

        size = ngx_min(QSN_FRAME_HEADER_SIZE - ctx->head_size,
                       (size_t) (last - *pos));

        ngx_memcpy(ctx->head + ctx->head_size, *pos, size);

        *pos += size;
        ctx->head_size += size;

        if (ctx->head_size < QSN_FRAME_HEADER_SIZE) {
            return NGX_AGAIN;
        }

        ctx->head_size = 0;

        if (ngx_http_qasino_data_frame(r) != NGX_OK) {
            ctx->broken = 1;
        }
    }
}


static ngx_int_t
ngx_http_qasino_data_frame(ngx_http_request_t *r)
{
    qsn_frame_t             frame;
    const char             *wrong;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    wrong = qsn_frame_decode(ctx->head, &frame);

    if (wrong == NULL) {

        if (frame.type != QSN_FRAME_DATA) {
            wrong = "another frame where data should follow";

        } else if (frame.id != ctx->id) {
            wrong = "data of another request";

        } else if (frame.args_length) {
            wrong = "data with arguments";

        } else if (frame.flags & ~(QSN_FLAG_MORE|QSN_FLAG_ABORT)) {
            wrong = "data with unknown flags";
        }
    }

    if (wrong) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "worker sent invalid response: %s", wrong);
        return NGX_ERROR;
    }

    ctx->rest = frame.body_length;
    ctx->more = (frame.flags & QSN_FLAG_MORE) ? 1 : 0;
    ctx->aborted = (frame.flags & QSN_FLAG_ABORT) ? 1 : 0;

    return NGX_OK;
}


/* Keeps the beginning of it, for the log. */

static void
ngx_http_qasino_take_reason(ngx_http_request_t *r, u_char *pos, size_t size)
{
    size_t                  len;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx->reason == NULL) {
        ctx->reason = ngx_pnalloc(r->pool, NGX_HTTP_QASINO_REASON_SIZE);
        if (ctx->reason == NULL) {
            return;
        }
    }

    len = ngx_min(size, NGX_HTTP_QASINO_REASON_SIZE - ctx->reason_size);

    ngx_memcpy(ctx->reason + ctx->reason_size, pos, len);
    ctx->reason_size += len;
}


/*
 * The fewest bytes that are sure to come: the pipe calls its filter with a
 * buffer that is not full once it holds as many.  0 would end the response.
 */

static off_t
ngx_http_qasino_expected(ngx_http_qasino_ctx_t *ctx)
{
    return ctx->rest ? ctx->rest
                     : (off_t) (QSN_FRAME_HEADER_SIZE - ctx->head_size);
}
