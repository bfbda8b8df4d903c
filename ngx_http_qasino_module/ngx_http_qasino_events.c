
/*
 * GET /events: the turn of generations as server-sent events.
 *
 * An nginx worker with clients looks at the generation page several times a
 * second, which is a copy of some hundred bytes, and tells all of them what
 * has changed: a new generation, a new version of the static tables, or that
 * the next generation is overdue.  Without clients nothing runs.
 *
 * A client has one buffer, used again once it is sent.  One that is slower
 * than the events misses some and gets the newest when it can take it, so
 * the memory of a client that never reads is bounded, and its time by
 * send_timeout.
 */


#include "ngx_http_qasino_module.h"

#include "qsn_clock.h"


#define NGX_HTTP_QASINO_EVENTS_TICK       200      /* ms between two looks */
#define NGX_HTTP_QASINO_EVENTS_GRACE      2000     /* ms it may be overdue */
#define NGX_HTTP_QASINO_EVENTS_HEARTBEAT  ":\n\n"
#define NGX_HTTP_QASINO_EVENTS_TEXT       512      /* more than any event */


typedef enum {
    NGX_HTTP_QASINO_EVENT_NONE = 0,
    NGX_HTTP_QASINO_EVENT_GENERATION,
    NGX_HTTP_QASINO_EVENT_STATIC,
    NGX_HTTP_QASINO_EVENT_STALLED
} ngx_http_qasino_event_e;


struct ngx_http_qasino_client_s {
    ngx_queue_t                    queue;
    ngx_http_request_t            *request;
    ngx_http_qasino_page_t        *page;
    ngx_msec_t                     heartbeat;  /* silence at most */
    ngx_msec_t                     spoken;     /* to, last */
    ngx_chain_t                    out;
    ngx_buf_t                      buf;
    u_char                         text[NGX_HTTP_QASINO_EVENTS_TEXT];

    unsigned                       queued:1;
    unsigned                       begun:1;    /* its first one went out */
    unsigned                       behind:1;   /* missed an event */
};


static ngx_int_t ngx_http_qasino_events_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const char *name, const char *value, char *message);
static ngx_http_qasino_client_t *ngx_http_qasino_events_join(
    ngx_http_request_t *r, ngx_http_qasino_loc_conf_t *qlcf);
static void ngx_http_qasino_events_leave(void *data);
static void ngx_http_qasino_events_tick(ngx_event_t *ev);
static void ngx_http_qasino_events_tell(ngx_http_qasino_page_t *page,
    ngx_http_qasino_event_e event);
static void ngx_http_qasino_events_end(ngx_http_qasino_page_t *page);
static void ngx_http_qasino_events_look(ngx_http_qasino_page_t *page,
    ngx_http_request_t *r);
static int64_t ngx_http_qasino_events_left(ngx_http_qasino_page_t *page);
static ngx_uint_t ngx_http_qasino_events_stalled(
    ngx_http_qasino_page_t *page);
static ngx_int_t ngx_http_qasino_events_send(ngx_http_qasino_client_t *client,
    ngx_http_qasino_event_e event);
static ngx_int_t ngx_http_qasino_events_output(
    ngx_http_qasino_client_t *client, ngx_chain_t *out);
static void ngx_http_qasino_events_writer(ngx_http_request_t *r);
static ngx_http_qasino_event_e ngx_http_qasino_events_first(
    ngx_http_qasino_page_t *page);


static const char *const  ngx_http_qasino_event_names[] = {
    [NGX_HTTP_QASINO_EVENT_GENERATION] = "generation",
    [NGX_HTTP_QASINO_EVENT_STATIC] = "static",
    [NGX_HTTP_QASINO_EVENT_STALLED] = "stalled"
};


char *
ngx_http_qasino_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_qasino_loc_conf_t *qlcf = conf;

    ngx_int_t                  n;
    ngx_str_t                 *value, s;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    if (qlcf->events_clients) {
        return "is duplicate";
    }

    qlcf->events_clients = 1000;
    qlcf->events_heartbeat = 15000;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "clients=", 8) == 0) {
            n = ngx_atoi(value[i].data + 8, value[i].len - 8);

            if (n == NGX_ERROR || n == 0) {
                goto invalid;
            }

            qlcf->events_clients = n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "heartbeat=", 10) == 0) {
            s.data = value[i].data + 10;
            s.len = value[i].len - 10;

            qlcf->events_heartbeat = ngx_parse_time(&s, 0);

            if (qlcf->events_heartbeat == (ngx_msec_t) NGX_ERROR
                || qlcf->events_heartbeat == 0)
            {
                goto invalid;
            }

            continue;
        }

        goto invalid;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = ngx_http_qasino_events_handler;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_qasino_events_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_qasino_ctx_t       *ctx;
    ngx_http_qasino_page_t      *page;
    ngx_http_qasino_client_t    *client;
    ngx_http_qasino_loc_conf_t  *qlcf;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_qasino_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_qasino_module);

    qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);
    page = qlcf->page;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_qasino_events_refuse(r, NGX_HTTP_NOT_ALLOWED, "Allow",
                                             "GET, HEAD", "Method not "
                                             "allowed: use GET");
    }

    if (page == NULL) {
        return ngx_http_qasino_events_refuse(r, NGX_HTTP_NOT_FOUND, NULL,
                                             NULL, "No generation page: "
                                             "qasino_generation_page is "
                                             "not set");
    }

    if (page->nclients >= qlcf->events_clients) {
        return ngx_http_qasino_events_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                             "Retry-After", "10", "Too many "
                                             "listen to events already "
                                             "(qasino_events clients=)");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    /* the second is for an nginx in front of this one */

    if (ngx_http_qasino_add_header(r, "Cache-Control", "no-store") == NULL
        || ngx_http_qasino_add_header(r, "X-Accel-Buffering", "no") == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    client = ngx_http_qasino_events_join(r, qlcf);
    if (client == NULL) {
        return NGX_ERROR;
    }

    ctx->client = client;

    /* to notice when the client leaves */

    if (!r->discard_body) {
        if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            return NGX_ERROR;
        }

        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_qasino_events_writer;

    if (ngx_http_qasino_events_send(client,
                                    ngx_http_qasino_events_first(page))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->main->count++;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_qasino_events_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *name, const char *value, char *message)
{
    ngx_str_t  text;

    if (name && ngx_http_qasino_add_header(r, name, value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = (u_char *) message;
    text.len = ngx_strlen(message);

    return ngx_http_qasino_send_error(r, status, &text);
}


/* The first client of a page in this nginx worker starts its timer. */

static ngx_http_qasino_client_t *
ngx_http_qasino_events_join(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_qasino_page_t    *page;
    ngx_http_qasino_client_t  *client;

    client = ngx_pcalloc(r->pool, sizeof(ngx_http_qasino_client_t));
    if (client == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    page = qlcf->page;

    client->request = r;
    client->page = page;
    client->heartbeat = qlcf->events_heartbeat;
    client->queued = 1;

    cln->handler = ngx_http_qasino_events_leave;
    cln->data = client;

    if (page->nclients == 0) {
        ngx_queue_init(&page->clients);

        ngx_http_qasino_events_look(page, r);

        page->stalled = ngx_http_qasino_events_stalled(page);

        page->timer.handler = ngx_http_qasino_events_tick;
        page->timer.data = page;
        page->timer.log = ngx_cycle->log;

        ngx_add_timer(&page->timer, NGX_HTTP_QASINO_EVENTS_TICK);
    }

    ngx_queue_insert_tail(&page->clients, &client->queue);
    page->nclients++;

    return client;
}


static void
ngx_http_qasino_events_leave(void *data)
{
    ngx_http_qasino_client_t *client = data;

    if (!client->queued) {
        return;
    }

    client->queued = 0;
    ngx_queue_remove(&client->queue);

    if (--client->page->nclients == 0 && client->page->timer.timer_set) {
        ngx_del_timer(&client->page->timer);
    }
}


static void
ngx_http_qasino_events_tick(ngx_event_t *ev)
{
    ngx_uint_t                 stalled;
    qsn_page_state_t           before;
    ngx_http_qasino_page_t    *page;
    ngx_http_qasino_client_t  *client;

    page = ev->data;

    if (ngx_exiting || ngx_terminate) {
        ngx_http_qasino_events_end(page);
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_QASINO_EVENTS_TICK);

    client = ngx_queue_data(ngx_queue_head(&page->clients),
                            ngx_http_qasino_client_t, queue);

    before = page->seen;

    ngx_http_qasino_events_look(page, client->request);

    stalled = ngx_http_qasino_events_stalled(page);

    if (page->seen.generation_number != before.generation_number) {
        ngx_http_qasino_events_tell(page, NGX_HTTP_QASINO_EVENT_GENERATION);

    } else if (stalled && !page->stalled) {
        ngx_http_qasino_events_tell(page, NGX_HTTP_QASINO_EVENT_STALLED);

    } else if (page->seen.static_version != before.static_version) {
        ngx_http_qasino_events_tell(page, NGX_HTTP_QASINO_EVENT_STATIC);

    } else {
        ngx_http_qasino_events_tell(page, NGX_HTTP_QASINO_EVENT_NONE);
    }

    page->stalled = stalled;
}


/*
 * To all clients; without an event a heartbeat to those who heard nothing
 * for long.  A client that fails is gone afterwards.
 */

static void
ngx_http_qasino_events_tell(ngx_http_qasino_page_t *page,
    ngx_http_qasino_event_e event)
{
    ngx_queue_t               *q, *next;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_qasino_client_t  *client;

    for (q = ngx_queue_head(&page->clients);
         q != ngx_queue_sentinel(&page->clients);
         q = next)
    {
        next = ngx_queue_next(q);

        client = ngx_queue_data(q, ngx_http_qasino_client_t, queue);

        if (event == NGX_HTTP_QASINO_EVENT_NONE
            && ngx_current_msec - client->spoken < client->heartbeat)
        {
            continue;
        }

        r = client->request;
        c = r->connection;

        if (ngx_http_qasino_events_send(client, event) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            ngx_http_run_posted_requests(c);
        }
    }
}


/* This nginx worker stops: every client gets the end of its response. */

static void
ngx_http_qasino_events_end(ngx_http_qasino_page_t *page)
{
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_qasino_client_t  *client;

    while (!ngx_queue_empty(&page->clients)) {
        client = ngx_queue_data(ngx_queue_head(&page->clients),
                                ngx_http_qasino_client_t, queue);

        r = client->request;
        c = r->connection;

        ngx_http_qasino_events_leave(client);

        ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
        ngx_http_run_posted_requests(c);
    }
}


/* What can't be read now is as it was. */

static void
ngx_http_qasino_events_look(ngx_http_qasino_page_t *page,
    ngx_http_request_t *r)
{
    qsn_page_state_t  state;

    if (ngx_http_qasino_read_page(r, &state) == NGX_OK) {
        page->seen = state;
    }
}


/* Milliseconds until the next generation, negative when it is overdue. */

static int64_t
ngx_http_qasino_events_left(ngx_http_qasino_page_t *page)
{
    return (int64_t) (page->seen.expires_ms - qsn_clock_monotonic_ms());
}


static ngx_uint_t
ngx_http_qasino_events_stalled(ngx_http_qasino_page_t *page)
{
    return ngx_http_qasino_events_left(page) < -NGX_HTTP_QASINO_EVENTS_GRACE;
}


/* NGX_OK also where the client can't take it now and gets it later. */

static ngx_int_t
ngx_http_qasino_events_send(ngx_http_qasino_client_t *client,
    ngx_http_qasino_event_e event)
{
    int64_t                      left;
    uint64_t                     hits, misses;
    ngx_buf_t                   *b;
    ngx_connection_t            *c;
    qsn_page_state_t            *state;
    ngx_http_request_t          *r;
    ngx_http_qasino_loc_conf_t  *qlcf;

    r = client->request;
    c = r->connection;

    /* with the first event goes the header, which waits for it */

    if (client->begun && (r->out || r->buffered || c->buffered)) {
        client->behind |= event != NGX_HTTP_QASINO_EVENT_NONE;
        return NGX_OK;
    }

    b = &client->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = client->text;
    b->pos = b->start;
    b->end = b->start + sizeof(client->text);
    b->memory = 1;
    b->flush = 1;

    if (event == NGX_HTTP_QASINO_EVENT_NONE) {
        b->last = ngx_cpymem(b->pos, NGX_HTTP_QASINO_EVENTS_HEARTBEAT,
                             sizeof(NGX_HTTP_QASINO_EVENTS_HEARTBEAT) - 1);

    } else {
        state = &client->page->seen;
        left = ngx_http_qasino_events_left(client->page);

        b->last = ngx_slprintf(b->pos, b->end,
                               "retry: 2000\n"
                               "id: %uL\n"
                               "event: %s\n"
                               "data: {\"generation_number\": %uL, "
                               "\"age_ms\": %L, \"left_ms\": %L, "
                               "\"duration_ms\": %uL, \"tables\": %uL, "
                               "\"rows\": %uL, \"publishers\": %uL, "
                               "\"static_version\": %uL, "
                               "\"worker_start_id\": \"%uL\"",
                               state->generation_number,
                               ngx_http_qasino_event_names[event],
                               state->generation_number,
                               (int64_t) state->duration_ms - left, left,
                               state->duration_ms, state->tables,
                               state->rows, state->publishers,
                               state->static_version,
                               state->worker_start_id);

        qlcf = ngx_http_get_module_loc_conf(r, ngx_http_qasino_module);

        if (qlcf->cache
            && ngx_http_qasino_cache_count(qlcf->cache, &hits, &misses)
               == NGX_OK)
        {
            b->last = ngx_slprintf(b->last, b->end,
                                   ", \"cache\": {\"hits\": %uL, "
                                   "\"misses\": %uL}", hits, misses);
        }

        b->last = ngx_slprintf(b->last, b->end, "}\n\n");
    }

    client->out.buf = b;
    client->out.next = NULL;
    client->spoken = ngx_current_msec;
    client->begun = 1;
    client->behind = 0;

    return ngx_http_qasino_events_output(client, &client->out);
}


static ngx_int_t
ngx_http_qasino_events_output(ngx_http_qasino_client_t *client,
    ngx_chain_t *out)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = client->request;
    wev = r->connection->write;

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->out || r->buffered || r->connection->buffered) {
        if (!wev->delayed && !wev->timer_set) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

    } else if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}


static void
ngx_http_qasino_events_writer(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_event_t               *wev;
    ngx_http_qasino_ctx_t     *ctx;
    ngx_http_qasino_client_t  *client;

    wev = r->connection->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_qasino_module);
    client = ctx->client;

    rc = ngx_http_qasino_events_output(client, NULL);

    if (rc == NGX_OK && client->behind) {
        rc = ngx_http_qasino_events_send(client,
                                  ngx_http_qasino_events_first(client->page));
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* What somebody has to hear who knows nothing or has missed something. */

static ngx_http_qasino_event_e
ngx_http_qasino_events_first(ngx_http_qasino_page_t *page)
{
    return ngx_http_qasino_events_stalled(page)
           ? NGX_HTTP_QASINO_EVENT_STALLED
           : NGX_HTTP_QASINO_EVENT_GENERATION;
}
