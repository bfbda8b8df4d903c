
/*
 * Queries that are quick go past the worker, to a query process that listens
 * beside it (worker/direct.h), over a link like the worker's.
 * It runs them one after the other, and each client's have little time
 * there: what takes longer, or finds no room, goes to the worker, which knows
 * how to be fair.  The way past it saves about a third of what a small
 * query costs the machine.
 *
 * What is quick is learnt: nobody knows of a statement that is asked for the
 * first time, so it is tried.  The process gives back, with status 421, what
 * takes more than a moment; from then on the worker has its like, but for a
 * try now and then.  A client whose statement could not even be stopped in
 * time is sent to the worker for a while.
 *
 * An answer from another generation than the page's is not used: at the turn
 * of generations the process may be a moment behind.
 */


#include "ngx_http_qasino_link.h"

#include <sys/random.h>

#include "qsn_costs.h"
#include "qsn_settings.h"
#include "qsn_siphash.h"


/* what a query may take to be asked here, what is assumed of a new one, and of
   any at least: the next of its like may have other values */
#define NGX_HTTP_QASINO_DIRECT_QUICK    200         /* us */
#define NGX_HTTP_QASINO_DIRECT_GUESS    100
#define NGX_HTTP_QASINO_DIRECT_LEAST    20

/* what may be on its way at a time, of one client and of all */
#define NGX_HTTP_QASINO_DIRECT_CLIENT   1000
#define NGX_HTTP_QASINO_DIRECT_ALL      2000

/* what is remembered of one that was given back; each time that the worker
   is asked it may become half, where it is much not every time */
#define NGX_HTTP_QASINO_DIRECT_MOVED    1000000
#define NGX_HTTP_QASINO_DIRECT_EVERY    16

/* one that took so long has held up others; so have so many a second that were
   given back */
#define NGX_HTTP_QASINO_DIRECT_STALL    4000
#define NGX_HTTP_QASINO_DIRECT_WRONG    10

/* ms without this way: for its client; for all when it was closed, or was late,
   which is doubled each time up to a minute */
#define NGX_HTTP_QASINO_DIRECT_BAN      10000
#define NGX_HTTP_QASINO_DIRECT_PAUSE    500
#define NGX_HTTP_QASINO_DIRECT_LATE     2000
#define NGX_HTTP_QASINO_DIRECT_LATES    6

/* ms that a query may wait, and between two looks for one that did */
#define NGX_HTTP_QASINO_DIRECT_TICK     100

/* ms until the worker is told again of a client that asks here */
#define NGX_HTTP_QASINO_DIRECT_TELL     500

#define NGX_HTTP_QASINO_DIRECT_CLIENTS  1024        /* a power of two */


/* a client that the worker has been told of */

typedef struct {
    uint64_t                       hash;       /* 0: none yet */
    ngx_msec_t                     when;
} ngx_http_qasino_direct_told_t;


/* of all clients with the same hash */

typedef struct {
    ngx_uint_t                     load;       /* us on their way */
    ngx_msec_t                     banned;     /* until then */
    ngx_uint_t                     is_banned;  /* unsigned  is_banned:1; */
    time_t                         second;     /* in which so many */
    ngx_uint_t                     wrong;      /* were given back */
} ngx_http_qasino_direct_client_t;


struct ngx_http_qasino_direct_s {
    qsn_costs_t                     *costs;
    ngx_uint_t                       load;     /* of all clients */
    ngx_uint_t                       passed;   /* slow ones, to the worker */
    ngx_uint_t                       late;     /* it was, so often in a row */
    ngx_uint_t                       silent;   /* the last link was */
    ngx_addr_t                       addr;
    struct sockaddr_un               sockaddr;
    uint64_t                         secret[2];
    ngx_http_qasino_direct_told_t    told[2];
    ngx_http_qasino_direct_client_t  clients[NGX_HTTP_QASINO_DIRECT_CLIENTS];
};


static ngx_uint_t ngx_http_qasino_direct_fits(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);
static ngx_int_t ngx_http_qasino_direct_is_here(ngx_http_qasino_link_t *link);
static ngx_int_t ngx_http_qasino_direct_init(ngx_http_qasino_link_t *link);
static void ngx_http_qasino_direct_free_costs(void *data);
static ngx_uint_t ngx_http_qasino_direct_is_banned(
    ngx_http_qasino_direct_client_t *client);
static void ngx_http_qasino_direct_ban(
    ngx_http_qasino_direct_client_t *client);
static void ngx_http_qasino_direct_tell(ngx_http_request_t *r,
    ngx_http_qasino_link_t *worker, ngx_http_qasino_direct_t *direct,
    ngx_str_t *name, uint64_t hash);
static ngx_int_t ngx_http_qasino_direct_take(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot, ngx_http_qasino_reply_t *reply);
static void ngx_http_qasino_direct_done(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);
static void ngx_http_qasino_direct_overdue(ngx_http_qasino_link_t *link);
static void ngx_http_qasino_direct_lose(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);
static void ngx_http_qasino_direct_move(ngx_http_request_t *r,
    ngx_uint_t unsent);


static const ngx_http_qasino_link_kind_t  ngx_http_qasino_link_past_worker = {
    NGX_HTTP_QASINO_DIRECT_TICK,
    NGX_LOG_WARN,
    0,                                     /* claims */
    ngx_http_qasino_direct_take,
    ngx_http_qasino_direct_done,
    ngx_http_qasino_direct_overdue,
    ngx_http_qasino_direct_lose,
    ngx_http_qasino_direct_move
};


ngx_int_t
ngx_http_qasino_direct_ask(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    int                               sure;
    uint32_t                          cost;
    uint64_t                          hash, key;
    ngx_str_t                        *sql, *name;
    ngx_http_qasino_ctx_t            *ctx;
    ngx_http_qasino_link_t           *link;
    ngx_http_qasino_slot_t           *slot;
    ngx_http_qasino_direct_t         *direct;
    ngx_http_qasino_direct_client_t  *client;

    link = qlcf->link->direct;
    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);
    sql = &ctx->args.sql;

    if (!ngx_http_qasino_direct_fits(r, qlcf)
        || ngx_http_qasino_direct_is_here(link) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    direct = link->queries;

    name = &r->connection->addr_text;
    hash = qsn_siphash(direct->secret, name->data, name->len);
    client = &direct->clients[hash & (NGX_HTTP_QASINO_DIRECT_CLIENTS - 1)];

    if (ngx_http_qasino_direct_is_banned(client)) {
        return NGX_DECLINED;
    }

    key = qsn_costs_key(hash, (char *) sql->data, sql->len);
    cost = qsn_costs_of(direct->costs, key, &sure);

    if (cost == QSN_COSTS_UNKNOWN) {
        cost = NGX_HTTP_QASINO_DIRECT_GUESS;

    } else if (cost > NGX_HTTP_QASINO_DIRECT_QUICK) {

        if (cost <= NGX_HTTP_QASINO_DIRECT_STALL
            || ++direct->passed % NGX_HTTP_QASINO_DIRECT_EVERY == 0)
        {
            qsn_costs_add(direct->costs, key, 0);
        }

        return NGX_DECLINED;
    }

    cost = ngx_max(cost, NGX_HTTP_QASINO_DIRECT_LEAST);

    if (client->load + cost > NGX_HTTP_QASINO_DIRECT_CLIENT
        || direct->load + cost > NGX_HTTP_QASINO_DIRECT_ALL)
    {
        return NGX_DECLINED;
    }

    ctx->direct = 1;

    slot = ngx_http_qasino_link_send(link, r, qlcf,
                                     NGX_HTTP_QASINO_DIRECT_TICK);

    if (slot == NULL) {
        ctx->direct = 0;
        return NGX_DECLINED;
    }

    slot->cost = cost;
    slot->key = key;
    slot->client = client - direct->clients;

    client->load += cost;
    direct->load += cost;

    ngx_http_qasino_direct_tell(r, qlcf->link, direct, name, hash);

    return NGX_OK;
}


/* A query that its statement says all of, and that was not given back. */

static ngx_uint_t
ngx_http_qasino_direct_fits(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    return qlcf->direct && qlcf->page
           && !ctx->moved && ctx->op == QSN_OP_QUERY && ctx->args.sql.data
           && ctx->body_length == 0 && !(ctx->flags & QSN_FLAG_WRITE_DB)
           && !ngx_http_qasino_claims_identity(ctx);
}


/* Its address is found out once, and that it is there once in a while. */

static ngx_int_t
ngx_http_qasino_direct_is_here(ngx_http_qasino_link_t *link)
{
    ngx_file_info_t            info;
    ngx_http_qasino_direct_t  *direct;

    if (link->connection) {
        return NGX_OK;
    }

    direct = link->queries;

    if (direct == NULL) {
        if (link->unusable || ngx_http_qasino_direct_init(link) != NGX_OK) {
            link->unusable = 1;
            return NGX_DECLINED;
        }

    } else if (ngx_current_msec - link->ended
               < (direct->late ? (ngx_msec_t) NGX_HTTP_QASINO_DIRECT_LATE
                                 << ngx_min(direct->late - 1,
                                            NGX_HTTP_QASINO_DIRECT_LATES - 1)
                               : NGX_HTTP_QASINO_DIRECT_PAUSE))
    {
        return NGX_DECLINED;
    }

    if (ngx_file_info(link->queries->sockaddr.sun_path, &info)
        == NGX_FILE_ERROR)
    {
        link->ended = ngx_current_msec;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The socket stands beside the worker's. */

static ngx_int_t
ngx_http_qasino_direct_init(ngx_http_qasino_link_t *link)
{
    u_char                      *p, *last;
    ngx_addr_t                  *addr;
    ngx_pool_cleanup_t          *cln;
    struct sockaddr_un          *saun;
    ngx_http_qasino_direct_t    *direct;

    addr = ngx_http_qasino_link_address(link);

    if (addr == NULL) {
        return NGX_DECLINED;
    }

    direct = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_qasino_direct_t));
    if (direct == NULL) {
        return NGX_ERROR;
    }

    saun = &direct->sockaddr;
    *saun = *(struct sockaddr_un *) addr->sockaddr;

    p = (u_char *) saun->sun_path;
    last = p + ngx_strlen(p);

    while (last > p && last[-1] != '/') {
        last--;
    }

    if (last + sizeof(QSN_QUERY_SOCKET) > p + sizeof(saun->sun_path)) {
        return NGX_DECLINED;
    }

    ngx_memcpy(last, QSN_QUERY_SOCKET, sizeof(QSN_QUERY_SOCKET));

    if (getrandom(direct->secret, sizeof(direct->secret), 0)
        != (ssize_t) sizeof(direct->secret))
    {
        return NGX_ERROR;
    }

    direct->addr.sockaddr = (struct sockaddr *) saun;
    direct->addr.socklen = sizeof(struct sockaddr_un);
    direct->addr.name.data = p;
    direct->addr.name.len = ngx_strlen(p);

    cln = ngx_pool_cleanup_add(ngx_cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    direct->costs = qsn_costs_create();
    if (direct->costs == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_qasino_direct_free_costs;
    cln->data = direct->costs;

    if (ngx_http_qasino_link_init(link, &ngx_http_qasino_link_past_worker,
                                  &direct->addr)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    link->queries = direct;

    return NGX_OK;
}


static void
ngx_http_qasino_direct_free_costs(void *data)
{
    qsn_costs_destroy(data);
}


static ngx_uint_t
ngx_http_qasino_direct_is_banned(ngx_http_qasino_direct_client_t *client)
{
    if (client->is_banned
        && (ngx_msec_int_t) (client->banned - ngx_current_msec) <= 0)
    {
        client->is_banned = 0;
    }

    return client->is_banned;
}


static void
ngx_http_qasino_direct_ban(ngx_http_qasino_direct_client_t *client)
{
    client->is_banned = 1;
    client->banned = ngx_current_msec + NGX_HTTP_QASINO_DIRECT_BAN;
}


/*
 * The worker gives all its lanes to a client that is alone.  So it is told who
 * else is there, who may never ask it anything: of two clients at a time,
 * as one of them is another to whoever there is.
 */

static void
ngx_http_qasino_direct_tell(ngx_http_request_t *r,
    ngx_http_qasino_link_t *worker, ngx_http_qasino_direct_t *direct,
    ngx_str_t *name, uint64_t hash)
{
    ngx_uint_t                      i;
    qsn_frame_t                     frame;
    qsn_page_state_t                page;
    ngx_http_qasino_direct_told_t  *told, *oldest;

    oldest = NULL;

    for (i = 0; i < 2; i++) {
        told = &direct->told[i];

        if (told->hash
            && ngx_current_msec - told->when < NGX_HTTP_QASINO_DIRECT_TELL)
        {
            if (told->hash == hash) {
                return;
            }

        } else if (oldest == NULL || told->hash == hash) {
            oldest = told;
        }
    }

    if (oldest == NULL) {
        return;
    }

    oldest->hash = hash;
    oldest->when = ngx_current_msec;

    /* a worker that does not know this frame would close the link */

    if (ngx_http_qasino_read_page(r, &page) != NGX_OK
        || page.frame_types < QSN_FRAME_ASKER)
    {
        return;
    }

    /* one that exits would have nothing to close a new connection for */

    if ((worker->connection == NULL && ngx_exiting)
        || ngx_http_qasino_link_connect(worker) != NGX_OK)
    {
        return;
    }

    ngx_memzero(&frame, sizeof(qsn_frame_t));

    frame.type = QSN_FRAME_ASKER;

    ngx_http_qasino_link_say(worker, &frame, name);
}


/* What is said of a statement without having run it is of no generation, and
   right in all. */

static ngx_int_t
ngx_http_qasino_direct_take(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot, ngx_http_qasino_reply_t *reply)
{
    ngx_uint_t                        moved;
    qsn_page_state_t                  page;
    ngx_http_qasino_direct_t         *direct;
    ngx_http_qasino_direct_client_t  *client;

    direct = link->queries;
    client = &direct->clients[slot->client];
    moved = 0;

    direct->late = 0;
    direct->silent = 0;

    /* who had to wait for a core is not slow */

    if (reply->status == QSN_STATUS_MOVED
        && reply->cost > NGX_HTTP_QASINO_DIRECT_QUICK)
    {
        moved = 1;

        if (client->second != ngx_time()) {
            client->second = ngx_time();
            client->wrong = 0;
        }

        client->wrong++;
    }

    if (reply->cost) {
        qsn_costs_add(direct->costs, slot->key,
                      moved ? NGX_HTTP_QASINO_DIRECT_MOVED : reply->cost);
    }

    if (reply->cost > NGX_HTTP_QASINO_DIRECT_STALL
        || (moved && client->wrong > NGX_HTTP_QASINO_DIRECT_WRONG))
    {
        ngx_http_qasino_direct_ban(client);
    }

    if (reply->status == QSN_STATUS_MOVED
        || slot->request == NULL
        || ngx_http_qasino_read_page(slot->request, &page) != NGX_OK
        || (reply->generation_known
            && reply->generation != page.generation_number))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* It is on its way no more. */

static void
ngx_http_qasino_direct_done(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot)
{
    ngx_http_qasino_direct_t  *direct;

    direct = link->queries;

    direct->load -= slot->cost;
    direct->clients[slot->client].load -= slot->cost;
}


/* Nobody waits for long here: all are asked of the worker. */

static void
ngx_http_qasino_direct_overdue(ngx_http_qasino_link_t *link)
{
    link->queries->late++;

    ngx_http_qasino_link_broken(link, "is not answered");
}


/*
 * The process has died of the query that it had to answer next, or hangs with
 * it.  If it has never answered over this connection maybe it was not there:
 * then nobody is to blame, and the query only stays away the next few times,
 * unless it was so with the last connection, too.
 */

static void
ngx_http_qasino_direct_lose(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot)
{
    ngx_http_qasino_direct_t  *direct;

    direct = link->queries;

    qsn_costs_add(direct->costs, slot->key,
                  link->answers || direct->silent
                  ? NGX_HTTP_QASINO_DIRECT_MOVED
                  : NGX_HTTP_QASINO_DIRECT_STALL);

    if (link->answers) {
        ngx_http_qasino_direct_ban(&direct->clients[slot->client]);
    } else {
        direct->silent = 1;
    }
}


/* The worker is asked. */

static void
ngx_http_qasino_direct_move(ngx_http_request_t *r, ngx_uint_t unsent)
{
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    ctx->direct = 0;
    ctx->moved = 1;

    ngx_http_qasino_ask(r);
}
