
/*
 * The query string.  The first of a name counts, names are case-sensitive,
 * and what has no "=" is not an argument: old clients rely on all three.
 * Values keep every byte they decode to, also NUL: whether that makes sense
 * is for the worker to say.
 */


#include "ngx_http_qasino_module.h"


typedef struct {
    ngx_str_t   name;
    ngx_uint_t  offset;
} ngx_http_qasino_arg_name_t;


static ngx_str_t *ngx_http_qasino_known_arg(ngx_http_qasino_args_t *args,
    ngx_str_t *name);
static u_char *ngx_http_qasino_decode(u_char *dst, u_char *src, size_t len);


/* more than the longest name below, each byte written as %XX */
#define NGX_HTTP_QASINO_NAME_MAX  48

/* leaves room in a frame for the headers of arguments and the address */
#define NGX_HTTP_QASINO_ARGS_MAX  (QSN_FRAME_ARGS_MAX - 1024)


static ngx_http_qasino_arg_name_t  ngx_http_qasino_arg_names[] = {
    { ngx_string("op"), offsetof(ngx_http_qasino_args_t, op) },
    { ngx_string("sql"), offsetof(ngx_http_qasino_args_t, sql) },
    { ngx_string("format"), offsetof(ngx_http_qasino_args_t, format) },
    { ngx_string("values"), offsetof(ngx_http_qasino_args_t, values) },
    { ngx_string("now"), offsetof(ngx_http_qasino_args_t, now) },
    { ngx_string("use_write_db"),
      offsetof(ngx_http_qasino_args_t, use_write_db) },
    { ngx_string("name"), offsetof(ngx_http_qasino_args_t, name) },
    { ngx_string("value"), offsetof(ngx_http_qasino_args_t, value) },
    { ngx_string("identity"), offsetof(ngx_http_qasino_args_t, identity) },
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_qasino_read_args(ngx_http_request_t *r, ngx_http_qasino_args_t *args)
{
    u_char     *p, *next, *last, *end, *equals, *decoded;
    ngx_str_t   name, *arg;
    u_char      buf[NGX_HTTP_QASINO_NAME_MAX];

    ngx_memzero(args, sizeof(ngx_http_qasino_args_t));

    if (r->args.len == 0) {
        return NGX_OK;
    }

    next = r->args.data;
    last = next + r->args.len;

    while (next < last) {

        p = next;
        end = ngx_strlchr(p, last, '&');

        if (end) {
            next = end + 1;

        } else {
            next = last;
            end = last;
        }

        equals = ngx_strlchr(p, end, '=');

        if (equals == NULL || equals - p > NGX_HTTP_QASINO_NAME_MAX) {
            continue;
        }

        name.data = buf;
        name.len = ngx_http_qasino_decode(buf, p, equals - p) - buf;

        arg = ngx_http_qasino_known_arg(args, &name);

        if (arg == NULL || arg->data) {
            continue;
        }

        arg->data = equals + 1;
        arg->len = end - arg->data;

        if (ngx_strlchr(arg->data, end, '%') == NULL
            && ngx_strlchr(arg->data, end, '+') == NULL)
        {
            continue;
        }

        decoded = ngx_pnalloc(r->pool, arg->len);
        if (decoded == NULL) {
            return NGX_ERROR;
        }

        arg->len = ngx_http_qasino_decode(decoded, arg->data, arg->len)
                   - decoded;
        arg->data = decoded;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_qasino_check_args(ngx_http_request_t *r, ngx_http_qasino_ctx_t *ctx,
    ngx_str_t *message)
{
    u_char                  *p;
    size_t                   len;
    const char              *known;
    ngx_http_qasino_args_t  *args;

    args = &ctx->args;

    if (qsn_format_parse((char *) args->format.data, args->format.len,
                         &ctx->format)
        != 0)
    {
        known = qsn_format_names();
        len = sizeof("Unknown format, known are: ") - 1 + ngx_strlen(known);

        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        message->data = p;
        message->len = ngx_sprintf(p, "Unknown format, known are: %s", known)
                       - p;

        return NGX_HTTP_BAD_REQUEST;
    }

    if (args->op.data) {
        ctx->op = qsn_op_parse((char *) args->op.data, args->op.len);

        if (ctx->op == QSN_OP_UNKNOWN) {
            ngx_str_set(message, "Unrecognized operation");
            return NGX_HTTP_BAD_REQUEST;
        }
    }

    if (ngx_http_qasino_word_is(&args->values, "native")) {
        ctx->flags |= QSN_FLAG_NATIVE;

    } else if (args->values.len
               && !ngx_http_qasino_word_is(&args->values, "classic"))
    {
        ngx_str_set(message, "Unknown values, known are: classic, native");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (ngx_http_qasino_word_is(&args->now, "generation")) {
        ctx->flags |= QSN_FLAG_FROZEN;

    } else if (args->now.len
               && !ngx_http_qasino_word_is(&args->now, "real"))
    {
        ngx_str_set(message, "Unknown now, known are: real, generation");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (args->use_write_db.len
        && !ngx_http_qasino_word_is(&args->use_write_db, "0")
        && !ngx_http_qasino_word_is(&args->use_write_db, "no")
        && !ngx_http_qasino_word_is(&args->use_write_db, "false"))
    {
        ctx->flags |= QSN_FLAG_WRITE_DB;
    }

    if (args->sql.len + args->name.len + args->value.len + args->identity.len
        > NGX_HTTP_QASINO_ARGS_MAX)
    {
        ngx_str_set(message, "The query string is too long: "
                             "send the statement in the body of a POST");
        return NGX_HTTP_REQUEST_URI_TOO_LARGE;
    }

    if (r->method == NGX_HTTP_POST) {
        return 0;
    }

    switch (ctx->op) {

    case QSN_OP_NONE:
        ngx_str_set(message, "No op specified");
        return NGX_HTTP_BAD_REQUEST;

    case QSN_OP_ADD_TABLE_DATA:
    case QSN_OP_ADD_CSV_TABLE_DATA:
        ngx_str_set(message, "Method not allowed: publish by POST");
        return NGX_HTTP_NOT_ALLOWED;

    case QSN_OP_QUERY:
        if (args->sql.data == NULL) {

            if (ctx->format == QSN_FORMAT_TEXT) {
                ngx_str_set(message, "Must specify 'sql' param.");

            } else {
                ngx_str_set(message, "Must specify 'sql' param");
            }

            return NGX_HTTP_BAD_REQUEST;
        }

        /* fall through */

    default:
        return 0;
    }
}


static ngx_str_t *
ngx_http_qasino_known_arg(ngx_http_qasino_args_t *args, ngx_str_t *name)
{
    ngx_http_qasino_arg_name_t  *known;

    for (known = ngx_http_qasino_arg_names; known->name.len; known++) {

        if (known->name.len == name->len
            && ngx_memcmp(known->name.data, name->data, name->len) == 0)
        {
            return (ngx_str_t *) ((u_char *) args + known->offset);
        }
    }

    return NULL;
}


/*
 * "+" is a space; a "%" without two hexadecimal digits after it stands for
 * itself.  dst may hold len bytes at most.
 */

static u_char *
ngx_http_qasino_decode(u_char *dst, u_char *src, size_t len)
{
    u_char     *last;
    ngx_int_t   byte;

    for (last = src + len; src < last; src++) {

        if (*src == '+') {
            *dst++ = ' ';
            continue;
        }

        if (*src == '%' && last - src > 2) {
            byte = ngx_hextoi(src + 1, 2);

            if (byte != NGX_ERROR) {
                *dst++ = (u_char) byte;
                src += 2;
                continue;
            }
        }

        *dst++ = *src;
    }

    return dst;
}


ngx_uint_t
ngx_http_qasino_word_is(ngx_str_t *value, const char *word)
{
    return value->len == ngx_strlen(word)
           && ngx_strncasecmp(value->data, (u_char *) word, value->len) == 0;
}
