
/*
 * The requests on a link: one connection of an nginx worker to the Qasino
 * worker, or past it, on which all small requests travel as frames, many at a
 * time.  What is asked in one turn of nginx's loop goes out in one write, what
 * is answered by then comes in one read; that makes it much cheaper than a
 * connection each.
 *
 * It carries requests whose body is small and in memory, and answers of one
 * frame (the flag WHOLE asks for no others), which are read as fast as they
 * come: so no client, however slow, holds up another.  A longer answer is
 * claimed over a connection of its own (ngx_http_qasino_upstream.c), which
 * also takes over whatever is not for the link, or finds it broken.
 *
 * A request on the link stands in a slot; the frame's id is the slot's number
 * and a serial number.  A request that ends early leaves its slot behind until
 * the answer to it has come and is skipped: the worker has it on its hands
 * for so long, and slots are what bounds that.
 */


#include "ngx_http_qasino_link.h"


/* bytes of a request's body; a larger one has a connection for itself */
#define NGX_HTTP_QASINO_LINK_BODY_MAX  (64 * 1024)

/* bytes that wait to be sent: a worker that takes no more has enough */
#define NGX_HTTP_QASINO_LINK_OUT_MAX   (4 * 1024 * 1024)

/* requests that go out together: of a burst, the worker has the first while
   nginx still reads the others */
#define NGX_HTTP_QASINO_LINK_GATHER    8


static void ngx_http_qasino_link_watch_time(ngx_http_qasino_link_t *link);
static void ngx_http_qasino_link_watch_client(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);
static ngx_int_t ngx_http_qasino_link_body_fits(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx);
static void ngx_http_qasino_link_put(ngx_http_qasino_link_t *link,
    ngx_http_request_t *r, uint64_t id);
static uint64_t ngx_http_qasino_link_id(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);
static ngx_http_qasino_slot_t *ngx_http_qasino_link_find(
    ngx_http_qasino_link_t *link, uint64_t id);
static ngx_uint_t ngx_http_qasino_link_was_asked(
    ngx_http_qasino_link_t *link, uint64_t id);
static void ngx_http_qasino_link_leave(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);
static void ngx_http_qasino_link_free(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);
static void ngx_http_qasino_link_cleanup(void *data);
static void ngx_http_qasino_link_cancel(ngx_http_qasino_link_t *link,
    uint64_t id);
static ngx_http_qasino_slot_t *ngx_http_qasino_link_oldest(
    ngx_http_qasino_link_t *link);


ngx_http_qasino_slot_t *
ngx_http_qasino_link_send(ngx_http_qasino_link_t *link, ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf, ngx_msec_t timeout)
{
    size_t                   size;
    ngx_http_cleanup_t      *cln;
    ngx_http_qasino_ctx_t   *ctx;
    ngx_http_qasino_slot_t  *slot;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    size = ngx_http_qasino_request_size(r) + ctx->body_length;

    if (link->gathered == NGX_HTTP_QASINO_LINK_GATHER) {
        (void) ngx_http_qasino_link_write(link);
    }

    if (ngx_http_qasino_link_body_fits(r, ctx) != NGX_OK
        || link->free == NGX_HTTP_QASINO_LINK_NO_SLOT
        || link->out.last - link->out.pos + size
           > NGX_HTTP_QASINO_LINK_OUT_MAX
        || ngx_http_qasino_link_connect(link) != NGX_OK
        || ngx_http_qasino_link_reserve(link, size) != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_qasino_link_cleanup;
    cln->data = r;

    slot = &link->slots[link->free];
    link->free = slot->next;
    link->waiting++;
    link->gathered++;

    slot->request = r;
    slot->taken = 1;
    slot->serial++;
    slot->epoch = link->epoch;
    slot->begin = link->queued;
    slot->asked = ngx_current_msec;
    slot->timeout = timeout;

    ctx->link = link;
    ctx->id = ngx_http_qasino_link_id(link, slot);

    ngx_http_qasino_link_put(link, r, ctx->id);

    ngx_http_qasino_link_watch_time(link);
    ngx_http_qasino_link_watch_client(r, qlcf);

    return slot;
}


static void
ngx_http_qasino_link_watch_time(ngx_http_qasino_link_t *link)
{
    if (!link->timer.timer_set) {
        ngx_add_timer(&link->timer, link->kind->tick);
    }
}


/*
 * A client that has left already is not told of again.  What remains of a
 * body that nobody wants is still to be read.
 */

static void
ngx_http_qasino_link_watch_client(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    ngx_event_t  *rev;

    if (r->discard_body) {
        return;
    }

    if (qlcf->upstream.ignore_client_abort) {
        r->read_event_handler = ngx_http_block_reading;
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    rev = r->connection->read;

    if (rev->ready || rev->pending_eof) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


static ngx_int_t
ngx_http_qasino_link_body_fits(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx)
{
    ngx_chain_t  *cl;

    if (ctx->body_length == 0) {
        return NGX_OK;
    }

    if (ctx->body_length > NGX_HTTP_QASINO_LINK_BODY_MAX
        || r->request_body_no_buffering)
    {
        return NGX_DECLINED;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        if (!ngx_buf_in_memory(cl->buf)) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static void
ngx_http_qasino_link_put(ngx_http_qasino_link_t *link, ngx_http_request_t *r,
    uint64_t id)
{
    u_char                 *p;
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_qasino_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    p = ngx_http_qasino_put_request(link->out.last, r, id, QSN_FLAG_WHOLE);

    if (ctx->body_length) {
        for (cl = r->request_body->bufs; cl; cl = cl->next) {
            b = cl->buf;
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
        }
    }

    ngx_http_qasino_link_commit(link, p);
}


static uint64_t
ngx_http_qasino_link_id(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot)
{
    return (uint64_t) slot->serial << 32 | (slot - link->slots);
}


static ngx_http_qasino_slot_t *
ngx_http_qasino_link_find(ngx_http_qasino_link_t *link, uint64_t id)
{
    uint32_t                 i;
    ngx_http_qasino_slot_t  *slot;

    i = (uint32_t) id;

    if (i >= NGX_HTTP_QASINO_LINK_SLOTS) {
        return NULL;
    }

    slot = &link->slots[i];

    return slot->taken && slot->serial == id >> 32 ? slot : NULL;
}


/* Maybe by a request that is gone. */

static ngx_uint_t
ngx_http_qasino_link_was_asked(ngx_http_qasino_link_t *link, uint64_t id)
{
    uint32_t  i, serial;

    i = (uint32_t) id;
    serial = (uint32_t) (id >> 32);

    return i < NGX_HTTP_QASINO_LINK_SLOTS
           && serial != 0 && link->slots[i].serial - serial < 0x80000000;
}


/* Nobody waits any more for what comes into the slot. */

static void
ngx_http_qasino_link_leave(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot)
{
    ngx_http_qasino_ctx_t  *ctx;

    if (slot->request == NULL) {
        return;
    }

    ctx = ngx_http_get_module_ctx(slot->request, ngx_http_qasino_module);
    ctx->link = NULL;

    slot->request = NULL;
    link->waiting--;
}


static void
ngx_http_qasino_link_free(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot)
{
    ngx_http_qasino_link_leave(link, slot);

    if (link->kind->done) {
        link->kind->done(link, slot);
    }

    slot->taken = 0;
    slot->next = link->free;
    link->free = slot - link->slots;
}


/* The request ends before its answer has come. */

static void
ngx_http_qasino_link_cleanup(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_qasino_ctx_t   *ctx;
    ngx_http_qasino_link_t  *link;

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (ctx == NULL || ctx->link == NULL) {
        return;
    }

    link = ctx->link;

    /* its body is being read into this request's memory */

    if (link->rest && link->id == ctx->id) {
        link->last = NULL;
    }

    ngx_http_qasino_link_leave(link,
                               ngx_http_qasino_link_find(link, ctx->id));
    ngx_http_qasino_link_cancel(link, ctx->id);
}


static void
ngx_http_qasino_link_cancel(ngx_http_qasino_link_t *link, uint64_t id)
{
    qsn_frame_t  frame;

    if (link->connection == NULL) {
        return;
    }

    ngx_memzero(&frame, sizeof(qsn_frame_t));

    frame.type = QSN_FRAME_CANCEL;
    frame.id = id;

    ngx_http_qasino_link_say(link, &frame, NULL);
}


void
ngx_http_qasino_link_say(ngx_http_qasino_link_t *link, qsn_frame_t *frame,
    ngx_str_t *client)
{
    u_char  *p;

    frame->args_length = client ? qsn_frame_arg_size(client->len) : 0;

    if (ngx_http_qasino_link_reserve(link, QSN_FRAME_HEADER_SIZE
                                           + frame->args_length)
        != NGX_OK)
    {
        return;
    }

    p = link->out.last;

    qsn_frame_encode(p, frame);

    p += QSN_FRAME_HEADER_SIZE;

    if (client) {
        p = qsn_frame_put_arg(p, QSN_ARG_CLIENT, client->data, client->len);
    }

    ngx_http_qasino_link_commit(link, p);
}


/* Where the body of the answer that begins goes to. */

const char *
ngx_http_qasino_link_begin(ngx_http_qasino_link_t *link)
{
    ngx_str_t               *body;
    ngx_http_qasino_slot_t  *slot;

    link->last = NULL;

    if (link->flags & ~QSN_FLAG_WHOLE) {
        return "sent an answer with unknown flags";
    }

    if (!(link->flags & QSN_FLAG_WHOLE) != !link->reply.claim) {
        return "sent half a claim";
    }

    if (link->reply.claim && !link->kind->claims) {
        return "sent a claim, which is the worker's to do";
    }

    if (!ngx_http_qasino_link_was_asked(link, link->id)) {
        return "sent an answer to what it was not asked";
    }

    slot = ngx_http_qasino_link_find(link, link->id);

    if (slot == NULL || slot->request == NULL || link->rest == 0) {
        return NULL;
    }

    body = &link->reply.body;

    body->data = ngx_pnalloc(slot->request->pool, link->rest);
    if (body->data == NULL) {
        return "has an answer for which there is no memory";
    }

    body->len = link->rest;
    link->last = body->data;

    return NULL;
}


/* The request, if it is still there, may be gone when this returns. */

void
ngx_http_qasino_link_answer(ngx_http_qasino_link_t *link)
{
    ngx_int_t                 rc;
    ngx_uint_t                moved;
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_qasino_ctx_t    *ctx;
    ngx_http_qasino_slot_t   *slot;
    ngx_http_qasino_reply_t   reply;

    slot = ngx_http_qasino_link_find(link, link->id);

    link->id = 0;
    link->last = NULL;

    if (slot == NULL) {
        return;
    }

    r = slot->request;
    reply = link->reply;
    link->answers++;
    moved = link->kind->take
            && link->kind->take(link, slot, &reply) != NGX_OK;

    ngx_http_qasino_link_free(link, slot);

    if (r == NULL) {
        return;
    }

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);

    if (moved) {
        link->kind->move(r, 0);

    } else if (reply.claim) {
        ctx->claim = reply.claim;
        ngx_http_qasino_start_upstream(r);

    } else {
        ngx_http_qasino_cache_store(r, &reply);
        rc = ngx_http_qasino_send_reply(r, &reply);
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_http_qasino_link_timer_handler(ngx_event_t *ev)
{
    ngx_uint_t               i;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_qasino_ctx_t   *ctx;
    ngx_http_qasino_link_t  *link;
    ngx_http_qasino_slot_t  *slot;

    link = ev->data;

    for (i = 0; i < NGX_HTTP_QASINO_LINK_SLOTS; i++) {
        slot = &link->slots[i];
        r = slot->request;

        if (r == NULL || ngx_current_msec - slot->asked < slot->timeout) {
            continue;
        }

        if (link->kind->overdue) {
            link->kind->overdue(link);
            return;
        }

        c = r->connection;
        ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);
        ctx->late = 1;

        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "no answer of the worker to a request on the link");

        ngx_http_qasino_link_cleanup(r);
        ngx_http_finalize_request(r, NGX_HTTP_GATEWAY_TIME_OUT);
        ngx_http_run_posted_requests(c);
    }

    if (link->waiting) {
        ngx_http_qasino_link_watch_time(link);
    }
}


/* The one whose answer was to come next; NULL: nothing is asked. */

static ngx_http_qasino_slot_t *
ngx_http_qasino_link_oldest(ngx_http_qasino_link_t *link)
{
    ngx_uint_t               i;
    ngx_http_qasino_slot_t  *slot, *oldest;

    oldest = NULL;

    for (i = 0; i < NGX_HTTP_QASINO_LINK_SLOTS; i++) {
        slot = &link->slots[i];

        if (slot->taken && (oldest == NULL || slot->begin < oldest->begin)) {
            oldest = slot;
        }
    }

    return oldest;
}


void
ngx_http_qasino_link_broken(ngx_http_qasino_link_t *link, const char *why)
{
    uint64_t                 sent;
    ngx_uint_t               i, epoch, level;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_qasino_slot_t  *slot;

    level = link->waiting ? link->kind->level : NGX_LOG_INFO;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "the link to %V %s, %ui requests on it",
                  &link->addr->name, why, link->waiting);

    sent = link->sent;
    epoch = link->epoch;

    if (link->kind->lose) {
        slot = ngx_http_qasino_link_oldest(link);

        if (slot) {
            link->kind->lose(link, slot);
        }
    }

    ngx_http_qasino_link_close(link);

    for (i = 0; i < NGX_HTTP_QASINO_LINK_SLOTS; i++) {
        slot = &link->slots[i];
        r = slot->request;

        if (!slot->taken || slot->epoch != epoch) {
            continue;
        }

        ngx_http_qasino_link_free(link, slot);

        if (r == NULL) {
            continue;
        }

        c = r->connection;

        link->kind->move(r, slot->begin >= sent);

        ngx_http_run_posted_requests(c);
    }
}
