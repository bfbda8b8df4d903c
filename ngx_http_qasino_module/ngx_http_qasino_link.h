
/*
 * The link, between its halves: ngx_http_qasino_link.c has the requests on
 * it, ngx_http_qasino_link_io.c the bytes; ngx_http_qasino_direct.c knows
 * which requests have a link of their own, past the worker.
 */


#ifndef _NGX_HTTP_QASINO_LINK_H_INCLUDED_
#define _NGX_HTTP_QASINO_LINK_H_INCLUDED_


#include "ngx_http_qasino_module.h"


typedef struct ngx_http_qasino_direct_s  ngx_http_qasino_direct_t;


/* a request that waits for its answer */

typedef struct {
    ngx_http_request_t            *request;    /* NULL: nobody waits */
    ngx_msec_t                     asked;
    ngx_msec_t                     timeout;
    uint64_t                       begin;      /* in the bytes sent */
    ngx_uint_t                     epoch;      /* of the connection */
    uint32_t                       serial;
    uint32_t                       next;       /* free slot */
    unsigned                       taken:1;    /* until its answer comes */

    /* direct's: what it may take, its like, whose it is */
    uint32_t                       cost;
    uint32_t                       client;
    uint64_t                       key;
} ngx_http_qasino_slot_t;


struct ngx_http_qasino_link_s {
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_addr_t                    *addr;       /* NULL: cannot have a link */

    ngx_http_qasino_slot_t        *slots;      /* NULL: not used yet */
    uint32_t                       free;
    ngx_uint_t                     waiting;    /* requests */
    ngx_event_t                    timer;

    ngx_connection_t              *connection; /* NULL: none yet, or broken */
    ngx_uint_t                     epoch;      /* connections before it */
    ngx_msec_t                     ended;      /* the last, or a try */

    /* requests: bytes before pos are sent */
    ngx_buf_t                      out;
    ngx_event_t                    flush;
    uint64_t                       queued;     /* bytes, of this connection */
    uint64_t                       sent;

    /* answers */
    ngx_buf_t                      in;
    ngx_http_qasino_reply_t        reply;      /* whose body comes */
    uint64_t                       id;         /* 0: of none */
    uint16_t                       flags;
    size_t                         rest;       /* bytes of it to come */
    u_char                        *last;       /* where to; NULL: nowhere */

    /* the link past the worker; that one has what is asked there instead */
    ngx_http_qasino_link_t        *direct;
    ngx_http_qasino_direct_t      *queries;    /* NULL: it is none, or new */
    ngx_uint_t                     unusable;   /* unsigned  unusable:1; */
    ngx_uint_t                     late;       /* it was, so often in a row */
    ngx_uint_t                     answers;    /* over this connection */
};


/* requests: of the one unix socket of the upstream; NULL: it has another */
ngx_addr_t *ngx_http_qasino_link_address(ngx_http_qasino_link_t *link);
ngx_int_t ngx_http_qasino_link_init(ngx_http_qasino_link_t *link,
    ngx_addr_t *addr);

/* requests: the slot that the request is in now, NULL: not by this link */
ngx_http_qasino_slot_t *ngx_http_qasino_link_send(
    ngx_http_qasino_link_t *link, ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);

/*
 * direct: ask is NGX_OK or NGX_DECLINED: not by this way; take, whether the answer is
 * one for the request.  lose: the connection ends before it came, or as it is
 * late.  done: the slot is free again.
 */
ngx_int_t ngx_http_qasino_direct_ask(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);
ngx_int_t ngx_http_qasino_direct_take(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot, ngx_http_qasino_reply_t *reply);
void ngx_http_qasino_direct_lose(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);
void ngx_http_qasino_direct_done(ngx_http_qasino_link_t *link,
    ngx_http_qasino_slot_t *slot);


/* io: NGX_OK where there is a connection now */
ngx_int_t ngx_http_qasino_link_init_buffers(ngx_http_qasino_link_t *link);
ngx_int_t ngx_http_qasino_link_connect(ngx_http_qasino_link_t *link);
void ngx_http_qasino_link_close(ngx_http_qasino_link_t *link);

/* io: room for size bytes at out.last; they are written, up to last */
ngx_int_t ngx_http_qasino_link_reserve(ngx_http_qasino_link_t *link,
    size_t size);
void ngx_http_qasino_link_commit(ngx_http_qasino_link_t *link, u_char *last);

/*
 * requests, called by io: the head of an answer is in id, flags, reply and
 * rest (NULL, or what is wrong with it); all of it is there; the connection
 * is of no further use
 */
const char *ngx_http_qasino_link_begin(ngx_http_qasino_link_t *link);
void ngx_http_qasino_link_answer(ngx_http_qasino_link_t *link);
void ngx_http_qasino_link_broken(ngx_http_qasino_link_t *link,
    const char *why);


#endif /* _NGX_HTTP_QASINO_LINK_H_INCLUDED_ */
