
/*
 * The link's connection: requests gathered over a turn of the loop and sent
 * with one write, answers read into one buffer, or much of a large one
 * straight to where it belongs.
 */


#include "ngx_http_qasino_link.h"


/* bytes of an answer's body; a list of very many tables is the largest */
#define NGX_HTTP_QASINO_LINK_ANSWER_MAX  (8 * 1024 * 1024)

#define NGX_HTTP_QASINO_LINK_IN_SIZE     (64 * 1024)
#define NGX_HTTP_QASINO_LINK_OUT_SIZE    (64 * 1024)

/* what a busy moment needed is not kept for ever */
#define NGX_HTTP_QASINO_LINK_OUT_KEEP    (1024 * 1024)


static void ngx_http_qasino_link_free_out(void *data);
static void ngx_http_qasino_link_flush_handler(ngx_event_t *ev);
static void ngx_http_qasino_link_write_handler(ngx_event_t *wev);
static void ngx_http_qasino_link_flush(ngx_http_qasino_link_t *link);
static ngx_int_t ngx_http_qasino_link_ignore_writable(ngx_connection_t *c);
static void ngx_http_qasino_link_read_handler(ngx_event_t *rev);
static ssize_t ngx_http_qasino_link_recv(ngx_http_qasino_link_t *link);
static const char *ngx_http_qasino_link_parse(ngx_http_qasino_link_t *link);


/* Once in the life of an nginx worker. */

ngx_int_t
ngx_http_qasino_link_init_buffers(ngx_http_qasino_link_t *link)
{
    ngx_pool_cleanup_t  *cln;

    if (link->in.start) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(ngx_cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    link->in.start = ngx_palloc(ngx_cycle->pool,
                                NGX_HTTP_QASINO_LINK_IN_SIZE);
    if (link->in.start == NULL) {
        return NGX_ERROR;
    }

    link->in.end = link->in.start + NGX_HTTP_QASINO_LINK_IN_SIZE;

    cln->handler = ngx_http_qasino_link_free_out;
    cln->data = link;

    link->flush.handler = ngx_http_qasino_link_flush_handler;
    link->flush.data = link;
    link->flush.log = ngx_cycle->log;

    return NGX_OK;
}


static void
ngx_http_qasino_link_free_out(void *data)
{
    ngx_http_qasino_link_t *link = data;

    if (link->out.start) {
        ngx_free(link->out.start);
    }

    ngx_memzero(&link->out, sizeof(ngx_buf_t));
}


ngx_int_t
ngx_http_qasino_link_connect(ngx_http_qasino_link_t *link)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    if (link->connection) {
        return NGX_OK;
    }

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = link->addr->sockaddr;
    pc.socklen = link->addr->socklen;
    pc.name = &link->addr->name;
    pc.get = ngx_event_get_peer;
    pc.log = ngx_cycle->log;
    pc.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK) {
        link->ended = ngx_current_msec;

        if (rc == NGX_AGAIN) {
            ngx_close_connection(pc.connection);
        }

        return NGX_DECLINED;
    }

    c = pc.connection;

    if (ngx_http_qasino_link_ignore_writable(c) != NGX_OK) {
        link->ended = ngx_current_msec;
        ngx_close_connection(c);
        return NGX_DECLINED;
    }

    c->data = link;
    c->log = ngx_cycle->log;
    c->read->handler = ngx_http_qasino_link_read_handler;
    c->write->handler = ngx_http_qasino_link_write_handler;

    /* a worker process that exits closes it, or waits: see the handler */

    c->idle = 1;

    link->connection = c;
    link->answers = 0;
    link->queued = 0;
    link->sent = 0;
    link->rest = 0;
    link->in.pos = link->in.start;
    link->in.last = link->in.start;

    return NGX_OK;
}


void
ngx_http_qasino_link_close(ngx_http_qasino_link_t *link)
{
    if (link->flush.posted) {
        ngx_delete_posted_event(&link->flush);
    }

    ngx_close_connection(link->connection);

    link->connection = NULL;
    link->ended = ngx_current_msec;
    link->epoch++;
    link->gathered = 0;
    link->id = 0;
    link->rest = 0;
    link->last = NULL;
    link->out.pos = link->out.start;
    link->out.last = link->out.start;
}


/* Room for size bytes behind out.last. */

ngx_int_t
ngx_http_qasino_link_reserve(ngx_http_qasino_link_t *link, size_t size)
{
    size_t      used, capacity;
    u_char     *p;
    ngx_buf_t  *out;

    out = &link->out;

    if ((size_t) (out->end - out->last) >= size) {
        return NGX_OK;
    }

    used = out->last - out->pos;
    capacity = out->end - out->start;

    if (used + size > capacity / 2) {

        capacity = ngx_max(2 * capacity, NGX_HTTP_QASINO_LINK_OUT_SIZE);

        while (used + size > capacity / 2) {
            capacity *= 2;
        }

        p = ngx_alloc(capacity, ngx_cycle->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (out->start) {
            ngx_memcpy(p, out->pos, used);
            ngx_free(out->start);
        }

        out->start = p;
        out->end = p + capacity;

    } else {
        ngx_memmove(out->start, out->pos, used);
    }

    out->pos = out->start;
    out->last = out->start + used;

    return NGX_OK;
}


/* What was written up to last goes out when this turn of the loop ends. */

void
ngx_http_qasino_link_commit(ngx_http_qasino_link_t *link, u_char *last)
{
    link->queued += last - link->out.last;
    link->out.last = last;

    ngx_post_event(&link->flush, &ngx_posted_events);
}


static void
ngx_http_qasino_link_flush_handler(ngx_event_t *ev)
{
    ngx_http_qasino_link_flush(ev->data);
}


static void
ngx_http_qasino_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_http_qasino_link_flush(c->data);
}


static void
ngx_http_qasino_link_flush(ngx_http_qasino_link_t *link)
{
    if (ngx_http_qasino_link_write(link) != NGX_OK) {
        ngx_http_qasino_link_broken(link, "cannot be written");
    }
}


/* NGX_OK: as much as could be; else the link is broken, which whoever is in
   the middle of something leaves to the flush that is to come. */

ngx_int_t
ngx_http_qasino_link_write(ngx_http_qasino_link_t *link)
{
    ssize_t            n;
    ngx_buf_t         *out;
    ngx_connection_t  *c;

    c = link->connection;
    out = &link->out;

    link->gathered = 0;

    if (c == NULL) {
        return NGX_OK;
    }

    while (out->pos < out->last) {

        if (!c->write->ready) {
            return NGX_OK;
        }

        n = c->send(c, out->pos, out->last - out->pos);

        if (n == NGX_AGAIN) {
            return ngx_handle_write_event(c->write, 0);
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        out->pos += n;
        link->sent += n;
    }

    out->pos = out->start;
    out->last = out->start;

    if (out->end - out->start > NGX_HTTP_QASINO_LINK_OUT_KEEP) {
        ngx_http_qasino_link_free_out(link);
    }

    return ngx_http_qasino_link_ignore_writable(c);
}


/*
 * A socket of the unix domain becomes writable whenever its peer has read:
 * nginx would wake up for every batch that the worker takes.  Only who has
 * something left to write wants to know.
 */

static ngx_int_t
ngx_http_qasino_link_ignore_writable(ngx_connection_t *c)
{
    if (!c->write->active) {
        return NGX_OK;
    }

    return ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLEAR_EVENT);
}


static void
ngx_http_qasino_link_read_handler(ngx_event_t *rev)
{
    ssize_t                  n;
    const char              *wrong;
    ngx_connection_t        *c;
    ngx_http_qasino_link_t  *link;

    c = rev->data;
    link = c->data;

    do {
        n = ngx_http_qasino_link_recv(link);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_qasino_link_broken(link, "was closed");
            return;
        }

        wrong = ngx_http_qasino_link_parse(link);

        if (wrong) {
            ngx_http_qasino_link_broken(link, wrong);
            return;
        }

    } while (rev->ready);

    /* an exiting process says so by c->close, and waits for its requests */

    if (link->waiting == 0 && (c->close || ngx_exiting)) {
        ngx_http_qasino_link_broken(link, "is not needed any more");
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_qasino_link_broken(link, "cannot be read");
    }
}


/* Into the buffer, or much of a body straight to where it belongs. */

static ssize_t
ngx_http_qasino_link_recv(ngx_http_qasino_link_t *link)
{
    size_t             left;
    ssize_t            n;
    ngx_buf_t         *in;
    ngx_connection_t  *c;

    c = link->connection;
    in = &link->in;

    if (link->last && link->rest >= NGX_HTTP_QASINO_LINK_IN_SIZE
        && in->pos == in->last)
    {
        n = c->recv(c, link->last, link->rest);

        if (n > 0) {
            link->last += n;
            link->rest -= n;
        }

        return n;
    }

    left = in->last - in->pos;

    if (in->pos != in->start) {
        ngx_memmove(in->start, in->pos, left);
        in->pos = in->start;
        in->last = in->start + left;
    }

    n = c->recv(c, in->last, in->end - in->last);

    if (n > 0) {
        in->last += n;
    }

    return n;
}


/* Answers what is whole.  Returns NULL or what is wrong. */

static const char *
ngx_http_qasino_link_parse(ngx_http_qasino_link_t *link)
{
    size_t       size;
    ngx_int_t    rc;
    ngx_buf_t   *in;
    qsn_frame_t  frame;
    const char  *wrong;

    in = &link->in;

    for ( ;; ) {

        size = ngx_min((size_t) (in->last - in->pos), link->rest);

        if (link->last) {
            link->last = ngx_cpymem(link->last, in->pos, size);
        }

        in->pos += size;
        link->rest -= size;

        if (link->rest) {
            return NULL;
        }

        if (link->id) {
            ngx_http_qasino_link_answer(link);
        }

        rc = ngx_http_qasino_parse_response(&in->pos, in->last,
                                            NGX_HTTP_QASINO_LINK_IN_SIZE,
                                            &frame, &link->reply, &wrong);

        if (rc == NGX_AGAIN) {
            return NULL;
        }

        if (rc == NGX_ERROR) {
            return wrong;
        }

        link->id = frame.id;
        link->flags = frame.flags;

        if (frame.body_length > NGX_HTTP_QASINO_LINK_ANSWER_MAX) {
            return "sent an answer that is too long";
        }

        link->rest = frame.body_length;

        wrong = ngx_http_qasino_link_begin(link);

        if (wrong) {
            return wrong;
        }
    }
}
