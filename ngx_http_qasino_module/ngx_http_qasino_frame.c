
/*
 * The REQUEST frame that a request becomes, and the head of the RESPONSE that
 * comes back: the same bytes on the link and on an upstream connection.
 */


#include "ngx_http_qasino_module.h"


typedef struct {
    enum qsn_frame_tag   tag;
    ngx_str_t           *value;
} ngx_http_qasino_request_arg_t;


#define NGX_HTTP_QASINO_REQUEST_ARGS  6


static void ngx_http_qasino_list_args(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx, ngx_http_qasino_request_arg_t *args);
static const char *ngx_http_qasino_check_args_of(qsn_frame_arg_t *args);


/* ids need to differ among the requests of one connection only */
static uint64_t  ngx_http_qasino_last_id;


uint64_t
ngx_http_qasino_next_id(void)
{
    return ++ngx_http_qasino_last_id;
}


size_t
ngx_http_qasino_request_size(ngx_http_request_t *r)
{
    size_t                          size;
    ngx_uint_t                      i;
    ngx_http_qasino_ctx_t          *ctx;
    ngx_http_qasino_request_arg_t   args[NGX_HTTP_QASINO_REQUEST_ARGS];

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx->claim) {
        return QSN_FRAME_HEADER_SIZE + qsn_frame_arg_size(8);
    }

    ngx_http_qasino_list_args(r, ctx, args);

    size = QSN_FRAME_HEADER_SIZE + qsn_frame_arg_size(8);

    for (i = 0; i < NGX_HTTP_QASINO_REQUEST_ARGS; i++) {
        if (args[i].value->data) {
            size += qsn_frame_arg_size(args[i].value->len);
        }
    }

    return size;
}


/* Header and arguments; the body, which the header announces, is not here. */

u_char *
ngx_http_qasino_put_request(u_char *p, ngx_http_request_t *r, uint64_t id,
    uint16_t flags)
{
    u_char                         *head;
    ngx_uint_t                      i;
    qsn_frame_t                     frame;
    ngx_http_qasino_ctx_t          *ctx;
    ngx_http_qasino_request_arg_t   args[NGX_HTTP_QASINO_REQUEST_ARGS];

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ngx_memzero(&frame, sizeof(qsn_frame_t));

    frame.type = QSN_FRAME_REQUEST;
    frame.format = ctx->format;
    frame.id = id;

    head = p;
    p += QSN_FRAME_HEADER_SIZE;

    if (ctx->claim) {
        frame.op = QSN_OP_CLAIM;
        p = qsn_frame_put_u64(p, QSN_ARG_CLAIM, ctx->claim);

    } else {
        frame.op = ctx->op;
        frame.flags = ctx->flags | flags;
        frame.body_length = ctx->body_length;

        p = qsn_frame_put_u64(p, QSN_ARG_ALLOW, ngx_http_qasino_allowed(r));

        ngx_http_qasino_list_args(r, ctx, args);

        for (i = 0; i < NGX_HTTP_QASINO_REQUEST_ARGS; i++) {
            if (args[i].value->data) {
                p = qsn_frame_put_arg(p, args[i].tag, args[i].value->data,
                                      args[i].value->len);
            }
        }
    }

    frame.args_length = p - head - QSN_FRAME_HEADER_SIZE;

    qsn_frame_encode(head, &frame);

    return p;
}


static void
ngx_http_qasino_list_args(ngx_http_request_t *r, ngx_http_qasino_ctx_t *ctx,
    ngx_http_qasino_request_arg_t *args)
{
    ngx_uint_t  i;

    static ngx_str_t  nothing = ngx_null_string;

    args[0].tag = QSN_ARG_SQL;
    args[0].value = &ctx->args.sql;
    args[1].tag = QSN_ARG_CLIENT;
    args[1].value = &r->connection->addr_text;
    args[2].tag = QSN_ARG_NAME;
    args[2].value = &ctx->args.name;
    args[3].tag = QSN_ARG_VALUE;
    args[3].value = &ctx->args.value;
    args[4].tag = QSN_ARG_CLAIMED_IDENTITY;
    args[4].value = &ctx->args.identity;
    args[5].tag = QSN_ARG_IDENTITY;
    args[5].value = &ctx->identity;

    /* who asks is not for a query process to know */

    if (ctx->direct) {
        for (i = 1; i < NGX_HTTP_QASINO_REQUEST_ARGS; i++) {
            args[i].value = &nothing;
        }
    }
}


/*
 * NGX_AGAIN while header and arguments are not whole, which are at most max
 * bytes; NGX_ERROR with what is *wrong.  NGX_OK: *pos is where the body
 * begins.
 */

ngx_int_t
ngx_http_qasino_parse_response(u_char **pos, u_char *last, size_t max,
    qsn_frame_t *frame, ngx_http_qasino_reply_t *reply, const char **wrong)
{
    u_char           *p;
    qsn_frame_arg_t   args[QSN_FRAME_TAGS];

    p = *pos;

    if (last - p < QSN_FRAME_HEADER_SIZE) {
        return NGX_AGAIN;
    }

    *wrong = qsn_frame_decode(p, frame);

    if (*wrong) {
        return NGX_ERROR;
    }

    p += QSN_FRAME_HEADER_SIZE;

    if (frame->args_length > (size_t) (last - p)) {

        if (frame->args_length > max - QSN_FRAME_HEADER_SIZE) {
            *wrong = "arguments too long for a response";
            return NGX_ERROR;
        }

        return NGX_AGAIN;
    }

    *wrong = qsn_frame_parse_args(p, frame->args_length, args);

    if (*wrong) {
        return NGX_ERROR;
    }

    if (frame->type != QSN_FRAME_RESPONSE) {
        *wrong = "another frame than a response";

    } else if (frame->status < NGX_HTTP_OK || frame->status > 599) {
        *wrong = "response without an HTTP status";

    } else if (frame->format > QSN_FORMAT_HTML) {
        *wrong = "response in an unknown format";

    } else {
        *wrong = ngx_http_qasino_check_args_of(args);
    }

    if (*wrong) {
        return NGX_ERROR;
    }

    ngx_memzero(reply, sizeof(ngx_http_qasino_reply_t));

    reply->status = frame->status;
    reply->op = frame->op;
    reply->format = frame->format;

    reply->generation_known = args[QSN_ARG_GENERATION].data ? 1 : 0;
    reply->generation = qsn_frame_arg_u64(&args[QSN_ARG_GENERATION], 0);
    reply->static_version = qsn_frame_arg_u64(&args[QSN_ARG_STATIC_VERSION],
                                              0);
    reply->max_age = qsn_frame_arg_u64(&args[QSN_ARG_MAX_AGE_MS], 0);
    reply->retry_after = qsn_frame_arg_u64(&args[QSN_ARG_RETRY_AFTER], 0);
    reply->cost = qsn_frame_arg_u64(&args[QSN_ARG_COST_US], 0);
    reply->claim = qsn_frame_arg_u64(&args[QSN_ARG_CLAIM], 0);

    *pos = p + frame->args_length;

    return NGX_OK;
}


static const char *
ngx_http_qasino_check_args_of(qsn_frame_arg_t *args)
{
    ngx_uint_t  tag;

    for (tag = 0; tag < QSN_FRAME_TAGS; tag++) {
        if (args[tag].data
            && ((tag < QSN_ARG_GENERATION && tag != QSN_ARG_CLAIM)
                || args[tag].length != 8))
        {
            return "response with an invalid argument";
        }
    }

    return NULL;
}
