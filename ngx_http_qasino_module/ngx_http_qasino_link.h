
/*
 * Links, between their parts: ngx_http_qasino_links.c knows which there are,
 * and what the worker's does in its own way, ngx_http_qasino_direct.c the same
 * of the one past the worker; ngx_http_qasino_link.c has the requests on a
 * link, ngx_http_qasino_link_io.c the bytes.
 */


#ifndef _NGX_HTTP_QASINO_LINK_H_INCLUDED_
#define _NGX_HTTP_QASINO_LINK_H_INCLUDED_


#include "ngx_http_qasino_module.h"


/*
 * fewer than the 1024 that the Qasino worker works on at once for one
 * connection: it never stops reading, so a CANCEL is always taken
 */
#define NGX_HTTP_QASINO_LINK_SLOTS    1000

#define NGX_HTTP_QASINO_LINK_NO_SLOT  NGX_HTTP_QASINO_LINK_SLOTS


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


/* what differs between a link to the worker and one past it */

typedef struct {
    ngx_msec_t                     tick;       /* to see who waits too long */
    ngx_uint_t                     level;      /* of the log: it was in use */
    ngx_uint_t                     claims;     /* unsigned  claims:1; */

    /* an answer is here; NGX_DECLINED: it is none for the slot's request */
    ngx_int_t                    (*take)(ngx_http_qasino_link_t *link,
                                         ngx_http_qasino_slot_t *slot,
                                         ngx_http_qasino_reply_t *reply);

    /* the slot is free again */
    void                         (*done)(ngx_http_qasino_link_t *link,
                                         ngx_http_qasino_slot_t *slot);

    /* one waits too long; NULL: only that one is given up */
    void                         (*overdue)(ngx_http_qasino_link_t *link);

    /* it breaks before the answer that was to come next */
    void                         (*lose)(ngx_http_qasino_link_t *link,
                                         ngx_http_qasino_slot_t *slot);

    /* the request is not answered by this way; unsent: nor was it asked */
    void                         (*move)(ngx_http_request_t *r,
                                         ngx_uint_t unsent);
} ngx_http_qasino_link_kind_t;


struct ngx_http_qasino_link_s {
    const ngx_http_qasino_link_kind_t  *kind;

    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_addr_t                    *addr;       /* NULL: cannot have a link */

    ngx_http_qasino_slot_t        *slots;      /* NULL: not used yet */
    uint32_t                       free;
    ngx_uint_t                     waiting;    /* requests */
    ngx_event_t                    timer;

    ngx_connection_t              *connection; /* NULL: none yet, or broken */
    ngx_uint_t                     epoch;      /* connections before it */
    ngx_uint_t                     answers;    /* over this connection */
    ngx_msec_t                     ended;      /* the last, or a try */

    /* requests: bytes before pos are sent */
    ngx_buf_t                      out;
    ngx_event_t                    flush;
    ngx_uint_t                     gathered;   /* requests since the last */
    uint64_t                       queued;     /* bytes, of this connection */
    uint64_t                       sent;

    /* answers */
    ngx_buf_t                      in;
    ngx_http_qasino_reply_t        reply;      /* whose body comes */
    uint64_t                       id;         /* 0: of none */
    uint16_t                       flags;
    size_t                         rest;       /* bytes of it to come */
    u_char                        *last;       /* where to; NULL: nowhere */

    /* the link past the worker, and what that one has */
    ngx_http_qasino_link_t        *direct;
    ngx_http_qasino_direct_t      *queries;    /* NULL: not used yet */
    ngx_uint_t                     unusable;   /* unsigned  unusable:1; */
};


/*
 * links: the address of the upstream's one unix socket, NULL: it has another;
 * a link begins to be used, of that kind, for an address that stays
 */
ngx_addr_t *ngx_http_qasino_link_address(ngx_http_qasino_link_t *link);
ngx_int_t ngx_http_qasino_link_init(ngx_http_qasino_link_t *link,
    const ngx_http_qasino_link_kind_t *kind, ngx_addr_t *addr);

/* direct: NGX_OK or NGX_DECLINED: not by this way */
ngx_int_t ngx_http_qasino_direct_ask(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);

/*
 * requests: the slot that the request is in now, NULL: not by this link; a
 * frame that has no answer, with a client or NULL, over the connection that
 * is there, unless there is no memory; who waits too long
 */
ngx_http_qasino_slot_t *ngx_http_qasino_link_send(
    ngx_http_qasino_link_t *link, ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf, ngx_msec_t timeout);
void ngx_http_qasino_link_say(ngx_http_qasino_link_t *link,
    qsn_frame_t *frame, ngx_str_t *client);
void ngx_http_qasino_link_timer_handler(ngx_event_t *ev);

/* io: NGX_OK where there is a connection now */
ngx_int_t ngx_http_qasino_link_init_buffers(ngx_http_qasino_link_t *link);
ngx_int_t ngx_http_qasino_link_connect(ngx_http_qasino_link_t *link);
ngx_int_t ngx_http_qasino_link_write(ngx_http_qasino_link_t *link);
void ngx_http_qasino_link_close(ngx_http_qasino_link_t *link);

/* io: room for size bytes at out.last; they are written, up to last */
ngx_int_t ngx_http_qasino_link_reserve(ngx_http_qasino_link_t *link,
    size_t size);
void ngx_http_qasino_link_commit(ngx_http_qasino_link_t *link, u_char *last);

/*
 * requests: the head of an answer is in id, flags, reply and rest (NULL, or
 * what is wrong with it); all of it is there; the connection is of no further
 * use
 */
const char *ngx_http_qasino_link_begin(ngx_http_qasino_link_t *link);
void ngx_http_qasino_link_answer(ngx_http_qasino_link_t *link);
void ngx_http_qasino_link_broken(ngx_http_qasino_link_t *link,
    const char *why);


#endif /* _NGX_HTTP_QASINO_LINK_H_INCLUDED_ */
