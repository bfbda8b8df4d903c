
/*
 * Which links there are: two of each upstream, to its worker and past it,
 * found by the locations that pass there.  An nginx worker begins to use one
 * with the first request for it.
 *
 * What the worker's link does in its own way is here, too: it claims long
 * answers, gives up a request that waits for too long but no other, and when
 * it breaks the questions on it are asked once more.
 */


#include "ngx_http_qasino_link.h"


#define NGX_HTTP_QASINO_LINK_TICK  500


static void ngx_http_qasino_link_move(ngx_http_request_t *r,
    ngx_uint_t unsent);


static const ngx_http_qasino_link_kind_t  ngx_http_qasino_link_to_worker = {
    NGX_HTTP_QASINO_LINK_TICK,
    NGX_LOG_ERR,
    1,                                     /* claims */
    NULL,                                  /* take */
    NULL,                                  /* done */
    NULL,                                  /* overdue */
    NULL,                                  /* lose */
    ngx_http_qasino_link_move
};


ngx_http_qasino_link_t *
ngx_http_qasino_link(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_uint_t                    i;
    ngx_http_qasino_link_t       *link, **links;
    ngx_http_qasino_main_conf_t  *qmcf;

    qmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_qasino_module);

    links = qmcf->links.elts;

    for (i = 0; i < qmcf->links.nelts; i++) {
        if (links[i]->upstream == uscf) {
            return links[i];
        }
    }

    link = ngx_pcalloc(cf->pool, sizeof(ngx_http_qasino_link_t));
    if (link == NULL) {
        return NULL;
    }

    link->direct = ngx_pcalloc(cf->pool, sizeof(ngx_http_qasino_link_t));
    if (link->direct == NULL) {
        return NULL;
    }

    link->upstream = uscf;
    link->direct->upstream = uscf;

    links = ngx_array_push(&qmcf->links);
    if (links == NULL) {
        return NULL;
    }

    *links = link;

    return link;
}


ngx_int_t
ngx_http_qasino_link_ask(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    ngx_addr_t              *addr;
    ngx_http_qasino_link_t  *link;
    ngx_http_qasino_slot_t  *slot;

    link = qlcf->link;

    if (!qlcf->multiplex || r != r->main) {
        return NGX_DECLINED;
    }

    if (link->slots == NULL) {
        addr = ngx_http_qasino_link_address(link);

        if (addr == NULL
            || ngx_http_qasino_link_init(link,
                                         &ngx_http_qasino_link_to_worker,
                                         addr)
               != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (ngx_http_qasino_direct_ask(r, qlcf) == NGX_OK) {
        return NGX_OK;
    }

    slot = ngx_http_qasino_link_send(link, r, qlcf,
                                     qlcf->upstream.read_timeout);

    return slot ? NGX_OK : NGX_DECLINED;
}


/*
 * Only a unix socket, which is connected at once or not at all, and only
 * where there is no choice of servers to make.
 */

ngx_addr_t *
ngx_http_qasino_link_address(ngx_http_qasino_link_t *link)
{
    ngx_http_upstream_server_t  *server;

    if (link->upstream->servers == NULL
        || link->upstream->servers->nelts != 1)
    {
        return NULL;
    }

    server = link->upstream->servers->elts;

    if (server->naddrs != 1 || server->down
        || server->addrs->sockaddr->sa_family != AF_UNIX)
    {
        return NULL;
    }

    return server->addrs;
}


ngx_int_t
ngx_http_qasino_link_init(ngx_http_qasino_link_t *link,
    const ngx_http_qasino_link_kind_t *kind, ngx_addr_t *addr)
{
    uint32_t  i;

    if (ngx_http_qasino_link_init_buffers(link) != NGX_OK) {
        return NGX_ERROR;
    }

    link->slots = ngx_pcalloc(ngx_cycle->pool,
                              NGX_HTTP_QASINO_LINK_SLOTS
                              * sizeof(ngx_http_qasino_slot_t));
    if (link->slots == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_QASINO_LINK_SLOTS; i++) {
        link->slots[i].next = i + 1;
    }

    link->timer.handler = ngx_http_qasino_link_timer_handler;
    link->timer.data = link;
    link->timer.log = ngx_cycle->log;

    link->kind = kind;
    link->addr = addr;

    return NGX_OK;
}


/*
 * Questions are asked once more, over connections of their own; so is what
 * had not begun to be sent.  Any other request may or may not have been done.
 */

static void
ngx_http_qasino_link_move(ngx_http_request_t *r, ngx_uint_t unsent)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (unsent || ctx->op == QSN_OP_QUERY || ctx->op == QSN_OP_GET_TABLE_LIST
        || ctx->op == QSN_OP_GENERATION_SIGNAL)
    {
        ngx_http_qasino_start_upstream(r);
        return;
    }

    ctx->lost = 1;
    ngx_http_finalize_request(r, NGX_HTTP_BAD_GATEWAY);
}
