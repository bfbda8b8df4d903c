
/*
 * The REQUEST frame to the worker, the RESPONSE frame from it.  Connecting,
 * pooling, retrying and timing out are nginx's; what lies behind the
 * RESPONSE frame's arguments is for ngx_http_qasino_body.c.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_qasino_copy_body(ngx_http_request_t *r,
    ngx_chain_t *cl);
static ngx_int_t ngx_http_qasino_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_qasino_process_header(ngx_http_request_t *r);
static const char *ngx_http_qasino_check_response(ngx_http_request_t *r,
    qsn_frame_t *frame, qsn_frame_arg_t *args);
static ngx_int_t ngx_http_qasino_set_headers(ngx_http_request_t *r,
    qsn_frame_t *frame, qsn_frame_arg_t *args);
static ngx_int_t ngx_http_qasino_number_header(ngx_http_request_t *r,
    ngx_table_elt_t **header, const char *name, uint64_t number);
static void ngx_http_qasino_abort_request(ngx_http_request_t *r);
static void ngx_http_qasino_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


/* ids need to differ among the requests of one connection only */
static uint64_t  ngx_http_qasino_last_id;


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
    u_char                 *p;
    size_t                  len;
    ngx_str_t              *client;
    ngx_buf_t              *b;
    ngx_uint_t              i;
    qsn_frame_t             frame;
    ngx_chain_t            *cl;
    ngx_http_qasino_ctx_t  *ctx;

    struct {
        enum qsn_frame_tag   tag;
        ngx_str_t           *value;
    } args[5];

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    client = &r->connection->addr_text;

    args[0].tag = QSN_ARG_CLIENT;
    args[0].value = client;
    args[1].tag = QSN_ARG_SQL;
    args[1].value = &ctx->args.sql;
    args[2].tag = QSN_ARG_NAME;
    args[2].value = &ctx->args.name;
    args[3].tag = QSN_ARG_VALUE;
    args[3].value = &ctx->args.value;
    args[4].tag = QSN_ARG_CLAIMED_IDENTITY;
    args[4].value = &ctx->args.identity;

    len = 0;

    for (i = 0; i < 5; i++) {
        if (args[i].value->data) {
            len += qsn_frame_arg_size(args[i].value->len);
        }
    }

    b = ngx_create_temp_buf(r->pool, QSN_FRAME_HEADER_SIZE + len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    ngx_memzero(&frame, sizeof(qsn_frame_t));

    if (ctx->body_length && ngx_http_qasino_copy_body(r, cl) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->id = ++ngx_http_qasino_last_id;

    frame.type = QSN_FRAME_REQUEST;
    frame.op = ctx->op;
    frame.format = ctx->format;
    frame.flags = ctx->flags;
    frame.id = ctx->id;
    frame.args_length = len;
    frame.body_length = ctx->body_length;

    qsn_frame_encode(b->last, &frame);

    p = b->last + QSN_FRAME_HEADER_SIZE;

    for (i = 0; i < 5; i++) {
        if (args[i].value->data) {
            p = qsn_frame_put_arg(p, args[i].tag, args[i].value->data,
                                  args[i].value->len);
        }
    }

    b->last = p;

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
    ctx->answered = 0;
    ctx->generation_known = 0;
    ctx->more = 0;
    ctx->aborted = 0;
    ctx->broken = 0;

    if (ctx->generation_header) {
        ctx->generation_header->hash = 0;
    }

    if (ctx->retry_after_header) {
        ctx->retry_after_header->hash = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_process_header(ngx_http_request_t *r)
{
    off_t                   ready;
    u_char                 *p;
    qsn_frame_t             frame;
    const char             *wrong;
    qsn_frame_arg_t         args[QSN_FRAME_TAGS];
    ngx_http_upstream_t    *u;
    ngx_http_qasino_ctx_t  *ctx;

    u = r->upstream;
    p = u->buffer.pos;

    if (u->buffer.last - p < QSN_FRAME_HEADER_SIZE) {
        return NGX_AGAIN;
    }

    wrong = qsn_frame_decode(p, &frame);

    if (wrong) {
        goto invalid;
    }

    p += QSN_FRAME_HEADER_SIZE;

    if (frame.args_length > (size_t) (u->buffer.last - p)) {
        return NGX_AGAIN;
    }

    wrong = qsn_frame_parse_args(p, frame.args_length, args);

    if (wrong) {
        goto invalid;
    }

    wrong = ngx_http_qasino_check_response(r, &frame, args);

    if (wrong) {
        goto invalid;
    }

    p += frame.args_length;
    ready = u->buffer.last - p;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ctx->rest = frame.body_length;
    ctx->more = (frame.flags & QSN_FLAG_MORE) ? 1 : 0;

    if (!ctx->more && ready > ctx->rest) {
        wrong = "bytes after the end of the response";
        goto invalid;
    }

    if (ngx_http_qasino_set_headers(r, &frame, args) != NGX_OK) {
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


static const char *
ngx_http_qasino_check_response(ngx_http_request_t *r, qsn_frame_t *frame,
    qsn_frame_arg_t *args)
{
    ngx_uint_t              tag;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (frame->type != QSN_FRAME_RESPONSE) {
        return "another frame than a response";
    }

    if (frame->id != ctx->id) {
        return "response to another request";
    }

    if (frame->status < NGX_HTTP_OK || frame->status > 599) {
        return "response without an HTTP status";
    }

    if (frame->format > QSN_FORMAT_HTML) {
        return "response in an unknown format";
    }

    if (frame->flags & ~QSN_FLAG_MORE) {
        return "response with unknown flags";
    }

    for (tag = 0; tag < QSN_FRAME_TAGS; tag++) {
        if (args[tag].data
            && (tag < QSN_ARG_GENERATION || args[tag].length != 8))
        {
            return "response with an invalid argument";
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_qasino_set_headers(ngx_http_request_t *r, qsn_frame_t *frame,
    qsn_frame_arg_t *args)
{
    uint64_t                seconds;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ctx->answered = 1;
    ctx->format = frame->format;

    if (ctx->op == QSN_OP_NONE) {
        ctx->op = frame->op;
    }

    ctx->static_version = qsn_frame_arg_u64(&args[QSN_ARG_STATIC_VERSION], 0);
    ctx->max_age = qsn_frame_arg_u64(&args[QSN_ARG_MAX_AGE_MS], 0);

    ngx_http_qasino_set_content_type(r, frame->format);

    if (args[QSN_ARG_GENERATION].data) {
        ctx->generation = qsn_frame_arg_u64(&args[QSN_ARG_GENERATION], 0);
        ctx->generation_known = 1;

        if (ngx_http_qasino_number_header(r, &ctx->generation_header,
                                          "Qasino-Generation",
                                          ctx->generation)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (args[QSN_ARG_RETRY_AFTER].data) {
        seconds = qsn_frame_arg_u64(&args[QSN_ARG_RETRY_AFTER], 0);

        if (ngx_http_qasino_number_header(r, &ctx->retry_after_header,
                                          "Retry-After", seconds)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
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
