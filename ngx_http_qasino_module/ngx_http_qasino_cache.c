
/*
 * The result cache as a request meets it.  A snapshot never changes, so the
 * same question on the same generation and the same static tables has the
 * same bytes as answer: those of a query or a list of tables, asked by GET
 * or HEAD.  Which generation and which static tables are being served stands
 * in the generation page, so neither a hit nor a client who has the answer
 * already costs the worker anything.
 *
 * What may be kept at all is for the worker to say (max_age of its answer):
 * only it knows which statements ask for the time or for a random number.
 */


#include <ngx_md5.h>

#include "ngx_http_qasino_module.h"

#include "qsn_clock.h"


static ngx_int_t ngx_http_qasino_cache_key(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx);
static void ngx_http_qasino_cache_statement(ngx_str_t *sql);
static u_char *ngx_http_qasino_cache_skip_blanks(u_char *p, u_char *last);
static u_char *ngx_http_qasino_cache_statement_end(u_char *p, u_char *last);
static ngx_int_t ngx_http_qasino_cache_send(ngx_http_request_t *r,
    ngx_http_qasino_cache_entry_t *entry);
static ngx_int_t ngx_http_qasino_cache_not_modified(ngx_http_request_t *r,
    qsn_page_state_t *page);


/* a page that is that many ms late for a rotation is a dead worker's */
#define NGX_HTTP_QASINO_OVERDUE  10000


#define ngx_http_qasino_is_blank(ch)                                          \
    ((ch) == ' ' || (ch) == '\t' || (ch) == '\n' || (ch) == '\f'              \
     || (ch) == CR)


char *
ngx_http_qasino_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_qasino_loc_conf_t  *qlcf = conf;

    ngx_str_t  *value;

    if (qlcf->cache != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        qlcf->cache = NULL;
        return NGX_CONF_OK;
    }

    qlcf->cache = ngx_shared_memory_add(cf, &value[1], 0,
                                        &ngx_http_qasino_module);
    if (qlcf->cache == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_qasino_cache_lookup(ngx_http_request_t *r)
{
    uint64_t                        now;
    ngx_int_t                       rc;
    qsn_page_state_t                page;
    ngx_http_qasino_ctx_t          *ctx;
    ngx_http_qasino_loc_conf_t     *qlcf;
    ngx_http_qasino_cache_entry_t  *entry;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    rc = ngx_http_qasino_read_page(r, &page);

    ctx->key.worker = page.worker_start_id;

    if (ngx_http_qasino_cache_key(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (rc != NGX_OK || page.generation_number == 0) {
        return NGX_DECLINED;
    }

    now = qsn_clock_monotonic_ms();

    if (now > page.expires_ms + page.duration_ms + NGX_HTTP_QASINO_OVERDUE) {
        return NGX_DECLINED;
    }

    if (page.expires_ms >= now + NGX_HTTP_QASINO_LEAST_LEFT
        && ngx_http_qasino_none_match(r, page.generation_number,
                                      page.static_version))
    {
        ctx->cache_status = NGX_HTTP_QASINO_CACHE_HIT;
        return ngx_http_qasino_cache_not_modified(r, &page);
    }

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    if (qlcf->cache == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_http_qasino_cache_find(r, qlcf->cache, &ctx->key, &page, &entry);

    switch (rc) {

    case NGX_OK:
        ctx->cache_status = NGX_HTTP_QASINO_CACHE_HIT;
        return ngx_http_qasino_cache_send(r, entry);

    case NGX_ABORT:
        ctx->cache_status = NGX_HTTP_QASINO_CACHE_EXPIRED;
        return NGX_DECLINED;

    case NGX_DECLINED:
        ctx->cache_status = NGX_HTTP_QASINO_CACHE_MISS;
        return NGX_DECLINED;

    default: /* NGX_ERROR */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


void
ngx_http_qasino_cache_store(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply)
{
    qsn_page_state_t             page;
    ngx_http_qasino_ctx_t       *ctx;
    ngx_http_qasino_loc_conf_t  *qlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);
    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

    if (qlcf->cache == NULL
        || !ctx->keyed
        || reply->status != NGX_HTTP_OK
        || reply->max_age == 0
        || !reply->generation_known
        || ctx->key.statement.len + reply->body.len > qlcf->cache_max_entry)
    {
        return;
    }

    if (ngx_http_qasino_read_page(r, &page) != NGX_OK
        || page.generation_number != reply->generation
        || page.static_version != reply->static_version
        || page.worker_start_id != ctx->key.worker)
    {
        return;
    }

    ngx_http_qasino_cache_keep(qlcf->cache, &ctx->key, reply);
}


/* NGX_DECLINED: nothing to look up, and nothing to keep afterwards */

static ngx_int_t
ngx_http_qasino_cache_key(ngx_http_request_t *r, ngx_http_qasino_ctx_t *ctx)
{
    ngx_md5_t                     md5;
    ngx_http_qasino_cache_key_t  *key;

    if (r != r->main
        || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        || (ctx->op != QSN_OP_QUERY && ctx->op != QSN_OP_GET_TABLE_LIST)
        || (ctx->flags & QSN_FLAG_WRITE_DB)
        || ngx_http_qasino_claims_identity(ctx))
    {
        return NGX_DECLINED;
    }

    key = &ctx->key;

    key->op = ctx->op;
    key->format = ctx->format;
    key->flags = ctx->flags & (QSN_FLAG_NATIVE|QSN_FLAG_FROZEN);

    if (key->op == QSN_OP_QUERY) {
        key->statement = ctx->args.sql;
        ngx_http_qasino_cache_statement(&key->statement);

    } else {
        ngx_str_set(&key->statement, "");
    }

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, &key->op, sizeof(key->op));
    ngx_md5_update(&md5, &key->format, sizeof(key->format));
    ngx_md5_update(&md5, &key->flags, sizeof(key->flags));
    ngx_md5_update(&md5, &key->worker, sizeof(key->worker));
    ngx_md5_update(&md5, key->statement.data, key->statement.len);
    ngx_md5_final(key->hash, &md5);

    ctx->keyed = 1;

    return NGX_OK;
}


/*
 * Only what can't show in the result is left out: blanks and comments before
 * the statement, blanks after it, and from its ";" on.  Case and what stands
 * between words is seen in the names of columns, and so is a comment before
 * the ";", as SQLite names a column by the text up to the next word.
 */

static void
ngx_http_qasino_cache_statement(ngx_str_t *sql)
{
    u_char  *p, *last;

    last = sql->data + sql->len;
    p = ngx_http_qasino_cache_skip_blanks(sql->data, last);

    if (p == NULL) {
        return;
    }

    last = ngx_http_qasino_cache_statement_end(p, last);

    while (last > p && ngx_http_qasino_is_blank(last[-1])) {
        last--;
    }

    sql->data = p;
    sql->len = last - p;
}


/* over comments, too; NULL: one of them does not end */

static u_char *
ngx_http_qasino_cache_skip_blanks(u_char *p, u_char *last)
{
    while (p < last) {

        if (ngx_http_qasino_is_blank(*p)) {
            p++;

        } else if (last - p > 1 && p[0] == '-' && p[1] == '-') {
            p = ngx_strlchr(p, last, '\n');

            if (p == NULL) {
                return last;
            }

        } else if (last - p > 1 && p[0] == '/' && p[1] == '*') {
            p = ngx_strlcasestrn(p + 2, last, (u_char *) "*/", 2 - 1);

            if (p == NULL) {
                return NULL;
            }

            p += 2;

        } else {
            break;
        }
    }

    return p;
}


/*
 * The ";" that ends the statement, or last: where there is none, where a
 * quote or a comment stays open, and where another statement follows, which
 * is for the worker to refuse.
 */

static u_char *
ngx_http_qasino_cache_statement_end(u_char *p, u_char *last)
{
    u_char  *end;

    for ( /* void */ ; p < last; p++) {

        switch (*p) {

        case '\'':
        case '"':
        case '`':
            p = ngx_strlchr(p + 1, last, *p);
            break;

        case '[':
            p = ngx_strlchr(p + 1, last, ']');
            break;

        case '-':
        case '/':
            end = ngx_http_qasino_cache_skip_blanks(p, last);

            if (end == NULL) {
                return last;
            }

            if (end > p) {
                p = end - 1;
            }

            break;

        case ';':
            end = p;

            while (p && p < last && *p == ';') {
                p = ngx_http_qasino_cache_skip_blanks(p + 1, last);
            }

            return p == last ? end : last;
        }

        if (p == NULL) {
            return last;
        }
    }

    return last;
}


static ngx_int_t
ngx_http_qasino_cache_send(ngx_http_request_t *r,
    ngx_http_qasino_cache_entry_t *entry)
{
    ngx_int_t                 rc;
    ngx_chain_t              *out;
    ngx_http_qasino_reply_t   reply;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_qasino_cache_describe(entry, &reply);

    rc = ngx_http_qasino_send_headers(r, &reply);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out = ngx_http_qasino_cache_body(r->pool, entry);
    if (out == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_output_filter(r, out);
}


/* The same headers as those of the answer, but for what tells its body. */

static ngx_int_t
ngx_http_qasino_cache_not_modified(ngx_http_request_t *r,
    qsn_page_state_t *page)
{
    ngx_int_t                 rc;
    ngx_http_qasino_ctx_t    *ctx;
    ngx_http_qasino_reply_t   reply;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ngx_memzero(&reply, sizeof(ngx_http_qasino_reply_t));

    reply.status = NGX_HTTP_OK;
    reply.op = ctx->op;
    reply.format = ctx->format;
    reply.generation = page->generation_number;
    reply.generation_known = 1;
    reply.static_version = page->static_version;
    reply.max_age = 1;

    if (ngx_http_qasino_set_headers(r, &reply) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
    r->headers_out.content_type.len = 0;

    return ngx_http_send_header(r);
}
