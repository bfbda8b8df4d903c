
/*
 * What the module's files share: the configuration of a location, the
 * context of a request, and the one call that each arrow of the flow is.
 *
 *   handler -> args, access -> cache -> link (REQUEST out, whole RESPONSE in;
 *           |                            |    direct: past the worker)
 *           \-> error                    \   -> reply
 *                                        \-> upstream (REQUEST out, RESPONSE
 *                                             in) -> body (DATA in)
 *   error_filter -> error; frame, page, variables: asked by any of them
 *
 *   events: a handler of its own, which asks the page alone
 */


#ifndef _NGX_HTTP_QASINO_MODULE_H_INCLUDED_
#define _NGX_HTTP_QASINO_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "qsn_frame.h"
#include "qsn_op.h"
#include "qsn_page.h"
#include "qsn_reply.h"


#define NGX_HTTP_QASINO_REASON_SIZE  512
#define NGX_HTTP_QASINO_HASH_SIZE    16

/* ms that a generation has to last for an answer to be 304 */
#define NGX_HTTP_QASINO_LEAST_LEFT   1000


/* a generation page, mapped by each nginx worker when first asked for */

typedef struct {
    ngx_str_t                      path;
    const qsn_page_t              *mapped;     /* NULL while missing */
    time_t                         tried;      /* to map it, last */

    /* of events: who wants to hear of its changes, what they know */
    ngx_queue_t                    clients;
    ngx_uint_t                     nclients;
    ngx_event_t                    timer;
    qsn_page_state_t               seen;
    ngx_uint_t                     stalled;    /* unsigned  stalled:1; */
} ngx_http_qasino_page_t;


typedef struct ngx_http_qasino_client_s  ngx_http_qasino_client_t;


/* one connection to a worker's socket, shared by all small requests */

typedef struct ngx_http_qasino_link_s  ngx_http_qasino_link_t;


typedef struct {
    ngx_array_t                    links;      /* ngx_http_qasino_link_t * */
} ngx_http_qasino_main_conf_t;


typedef struct {
    ngx_http_upstream_conf_t       upstream;
    ngx_http_qasino_page_t        *page;

    ngx_shm_zone_t                *cache;      /* NULL: off */
    size_t                         cache_max_entry;

    ngx_http_qasino_link_t        *link;       /* of qasino_pass */
    ngx_flag_t                     multiplex;
    ngx_flag_t                     direct;
    ngx_flag_t                     request_buffering;

    /* enum qsn_class, each bit moved by one: the first is nginx's own */
    ngx_uint_t                     allow;

    /* who publishes; NULL: whoever the request says */
    ngx_http_complex_value_t      *identity;

    /* NGX_CONF_UNSET: on where qasino_pass is, off elsewhere */
    ngx_flag_t                     json_errors;

    ngx_uint_t                     events_clients;     /* 0: no events */
    ngx_msec_t                     events_heartbeat;
} ngx_http_qasino_loc_conf_t;


/* the query string, decoded; data is NULL where absent */

typedef struct {
    ngx_str_t                      op;
    ngx_str_t                      format;
    ngx_str_t                      values;
    ngx_str_t                      now;
    ngx_str_t                      use_write_db;
    ngx_str_t                      sql;
    ngx_str_t                      name;
    ngx_str_t                      value;
    ngx_str_t                      identity;
} ngx_http_qasino_args_t;


/* what a RESPONSE frame says; body: where all of it is in memory */

typedef struct {
    ngx_uint_t                     status;
    enum qsn_op                    op;
    enum qsn_format                format;
    uint64_t                       generation;
    uint64_t                       static_version;
    uint64_t                       max_age;    /* ms, 0: not cacheable */
    uint64_t                       retry_after;        /* s, 0: not said */
    uint64_t                       claim;      /* 0: none is needed */
    uint64_t                       cost;       /* us, past the worker */
    ngx_str_t                      body;

    unsigned                       generation_known:1;
} ngx_http_qasino_reply_t;


/*
 * What the bytes of an answer depend on beside the generation and the static
 * tables: all of the question, and which worker answers, as another may have
 * other limits or another name.
 */

typedef struct {
    enum qsn_op                    op;
    enum qsn_format                format;
    uint16_t                       flags;
    uint64_t                       worker;
    ngx_str_t                      statement;
    u_char                         hash[NGX_HTTP_QASINO_HASH_SIZE];
} ngx_http_qasino_cache_key_t;


typedef enum {
    NGX_HTTP_QASINO_CACHE_BYPASS = 0,
    NGX_HTTP_QASINO_CACHE_MISS,
    NGX_HTTP_QASINO_CACHE_EXPIRED,
    NGX_HTTP_QASINO_CACHE_HIT
} ngx_http_qasino_cache_status_e;


/* an answer in the cache */

typedef struct ngx_http_qasino_cache_entry_s  ngx_http_qasino_cache_entry_t;


typedef struct {
    ngx_http_qasino_args_t         args;

    ngx_str_t                      identity;   /* asserted; NULL: none */

    enum qsn_op                    op;         /* asked for, then answered */
    enum qsn_format                format;
    uint16_t                       flags;      /* of the REQUEST frame */
    uint64_t                       body_length;
    uint64_t                       id;         /* of the REQUEST frame */
    ngx_http_qasino_link_t        *link;       /* while it waits there */

    /* the answer is too long for the link and waits under this number */
    uint64_t                       claim;

    ngx_http_qasino_reply_t        reply;
    ngx_table_elt_t               *generation_header;
    ngx_table_elt_t               *retry_after_header;
    ngx_table_elt_t               *cache_control_header;

    ngx_http_qasino_cache_key_t    key;        /* if keyed */
    ngx_http_qasino_cache_status_e cache_status;

    /* where in the stream of frames the response is */
    off_t                          rest;       /* of this frame's body */
    size_t                         head_size;
    u_char                         head[QSN_FRAME_HEADER_SIZE];

    /* the reason in an aborted frame */
    u_char                        *reason;
    size_t                         reason_size;

    /* the body that takes the place of nginx's error page */
    ngx_buf_t                     *error_body;

    ngx_http_qasino_client_t      *client;     /* of events */

    unsigned                       foreign:1;  /* of a page elsewhere */
    unsigned                       keyed:1;    /* fit for a cache, asked so */
    unsigned                       more:1;     /* DATA frames follow */
    unsigned                       aborted:1;
    unsigned                       broken:1;   /* nothing more to expect */

    /* what became of a request on the link, for the error's text */
    unsigned                       lost:1;
    unsigned                       late:1;

    /* is asked past the worker; has been, and only it is to be asked now */
    unsigned                       direct:1;
    unsigned                       moved:1;
} ngx_http_qasino_ctx_t;


/* besides the one that is asserted: for the worker to judge */

#define ngx_http_qasino_claims_identity(ctx)                                  \
    ((ctx)->identity.data && (ctx)->args.identity.data)


/* handler */
ngx_int_t ngx_http_qasino_handler(ngx_http_request_t *r);

/* The first header of a request with that name; NULL: none has it. */
ngx_str_t *ngx_http_qasino_header(ngx_http_request_t *r, const char *name);

/* Asks the worker, what to ask being known.  The request goes on by itself. */
void ngx_http_qasino_ask(ngx_http_request_t *r);

/* A connection for this request alone, what it asks being known.  The
   request goes on by itself. */
void ngx_http_qasino_start_upstream(ngx_http_request_t *r);

/*
 * args: read the query string; then decide op, format and flags.  The
 * latter returns 0 or an HTTP status with the reason in *message.
 */
ngx_int_t ngx_http_qasino_read_args(ngx_http_request_t *r,
    ngx_http_qasino_args_t *args);
ngx_uint_t ngx_http_qasino_check_args(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx, ngx_str_t *message);

/* whether that is all of a value; case does not matter */
ngx_uint_t ngx_http_qasino_word_is(ngx_str_t *value, const char *word);

/*
 * access: whether the location allows what is known of the request, and who
 * sends it.  Returns 0 or an HTTP status with the reason in *message.
 * allowed: enum qsn_class of this request, once it was checked.
 */
ngx_uint_t ngx_http_qasino_check_access(ngx_http_request_t *r,
    ngx_http_qasino_ctx_t *ctx, ngx_str_t *message);
ngx_uint_t ngx_http_qasino_allowed(ngx_http_request_t *r);
extern ngx_conf_bitmask_t  ngx_http_qasino_allow_masks[];

/*
 * link: ngx_http_qasino_link() finds or makes the one for qasino_pass.
 * NGX_OK: the request is on its way, and is answered or handed to
 * ngx_http_qasino_start_upstream() by itself.  NGX_DECLINED: not by this way.
 */
ngx_http_qasino_link_t *ngx_http_qasino_link(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *uscf);
ngx_int_t ngx_http_qasino_link_ask(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);

/* frame */
uint64_t ngx_http_qasino_next_id(void);
size_t ngx_http_qasino_request_size(ngx_http_request_t *r);
u_char *ngx_http_qasino_put_request(u_char *p, ngx_http_request_t *r,
    uint64_t id, uint16_t flags);
ngx_int_t ngx_http_qasino_parse_response(u_char **pos, u_char *last,
    size_t max, qsn_frame_t *frame, ngx_http_qasino_reply_t *reply,
    const char **wrong);

/*
 * cache: NGX_DECLINED: go and ask.  Anything else is what the handler returns:
 * the answer was there, or the client has it.  To be called for GET and HEAD
 * once the arguments are checked; store is for every whole answer that came
 * over the link: what comes over an upstream connection is not kept.
 */
char *ngx_http_qasino_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_qasino_cache_lookup(ngx_http_request_t *r);
void ngx_http_qasino_cache_store(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);

/*
 * cache zone and entries.  find: NGX_OK with an entry that stays until the
 * request ends, NGX_ABORT: it is not of this generation or these static
 * tables any more, NGX_DECLINED: there is none.  count: how often find had
 * one, and had none, since the zone began; NGX_DECLINED: out of use.
 */
char *ngx_http_qasino_cache_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_qasino_cache_find(ngx_http_request_t *r,
    ngx_shm_zone_t *shm_zone, ngx_http_qasino_cache_key_t *key,
    qsn_page_state_t *page, ngx_http_qasino_cache_entry_t **found);
ngx_int_t ngx_http_qasino_cache_count(ngx_shm_zone_t *shm_zone,
    uint64_t *hits, uint64_t *misses);
void ngx_http_qasino_cache_describe(ngx_http_qasino_cache_entry_t *entry,
    ngx_http_qasino_reply_t *reply);
ngx_chain_t *ngx_http_qasino_cache_body(ngx_pool_t *pool,
    ngx_http_qasino_cache_entry_t *entry);
void ngx_http_qasino_cache_keep(ngx_shm_zone_t *shm_zone,
    ngx_http_qasino_cache_key_t *key, ngx_http_qasino_reply_t *reply);

/*
 * validators: ETag and Cache-Control of an answer; taken back for another
 * try; of what nobody may keep.  none_match: 1 if If-None-Match names the
 * ETag that the answer would have.
 */
ngx_int_t ngx_http_qasino_set_validators(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);
void ngx_http_qasino_clear_validators(ngx_http_request_t *r);
ngx_int_t ngx_http_qasino_set_no_store(ngx_http_request_t *r);
ngx_uint_t ngx_http_qasino_none_match(ngx_http_request_t *r,
    uint64_t generation, uint64_t static_version);

/*
 * reply: its headers prepared, sent (then reply->body.len bytes are to
 * follow), or all of it sent; the latter two return like a handler.
 */
ngx_int_t ngx_http_qasino_set_headers(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);
ngx_int_t ngx_http_qasino_send_headers(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);
ngx_int_t ngx_http_qasino_send_reply(ngx_http_request_t *r,
    ngx_http_qasino_reply_t *reply);

/* upstream: prepares r->upstream, which nginx then starts */
ngx_int_t ngx_http_qasino_create_upstream(ngx_http_request_t *r,
    ngx_http_qasino_loc_conf_t *qlcf);

/* body: data is the request, as nginx wants it */
ngx_int_t ngx_http_qasino_input_filter_init(void *data);
ngx_int_t ngx_http_qasino_pipe_filter(ngx_event_pipe_t *p, ngx_buf_t *buf);
ngx_int_t ngx_http_qasino_non_buffered_filter(void *data, ssize_t bytes);

/* error: the document itself, and a whole response with it */
ngx_buf_t *ngx_http_qasino_error_body(ngx_http_request_t *r,
    enum qsn_format format, ngx_str_t *message);
ngx_int_t ngx_http_qasino_send_error(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *message);
void ngx_http_qasino_set_content_type(ngx_http_request_t *r,
    enum qsn_format format);
ngx_table_elt_t *ngx_http_qasino_add_header(ngx_http_request_t *r,
    const char *name, const char *value);

/* error filter */
ngx_int_t ngx_http_qasino_error_filter_init(ngx_conf_t *cf);

/*
 * page: fills in *state.  NGX_DECLINED without a page: then all is zero but
 * the identity, which is this machine's name.
 */
char *ngx_http_qasino_generation_page(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_qasino_read_page(ngx_http_request_t *r,
    qsn_page_state_t *state);

/* events */
char *ngx_http_qasino_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_qasino_events_handler(ngx_http_request_t *r);

/* variables */
ngx_int_t ngx_http_qasino_add_variables(ngx_conf_t *cf);


extern ngx_module_t  ngx_http_qasino_module;


#endif /* _NGX_HTTP_QASINO_MODULE_H_INCLUDED_ */
