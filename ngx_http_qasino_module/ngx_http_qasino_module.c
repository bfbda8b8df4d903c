
/*
 * Directives.  All of them are nginx's own upstream directives under the
 * name qasino_, with their meaning and inheritance; docs/directives.md says
 * what each does.  Nothing here runs while a request is served.
 */


#include "ngx_http_qasino_module.h"


static ngx_int_t ngx_http_qasino_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_qasino_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_qasino_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_qasino_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_qasino_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_qasino_merge_buffers(ngx_conf_t *cf,
    ngx_http_upstream_conf_t *prev, ngx_http_upstream_conf_t *conf);
static char *ngx_http_qasino_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_qasino_lowest_buffer_size(ngx_conf_t *cf, void *post,
    void *data);


/* room for a frame header and all arguments that a response can have */
#define NGX_HTTP_QASINO_BUFFER_MIN  512


static ngx_conf_post_t  ngx_http_qasino_buffer_size_post =
    { ngx_http_qasino_lowest_buffer_size };


static ngx_conf_bitmask_t  ngx_http_qasino_next_upstream_masks[] = {
    { ngx_string("error"), NGX_HTTP_UPSTREAM_FT_ERROR },
    { ngx_string("timeout"), NGX_HTTP_UPSTREAM_FT_TIMEOUT },
    { ngx_string("invalid_response"), NGX_HTTP_UPSTREAM_FT_INVALID_HEADER },
    { ngx_string("non_idempotent"), NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT },
    { ngx_string("http_500"), NGX_HTTP_UPSTREAM_FT_HTTP_500 },
    { ngx_string("http_503"), NGX_HTTP_UPSTREAM_FT_HTTP_503 },
    { ngx_string("http_504"), NGX_HTTP_UPSTREAM_FT_HTTP_504 },
    { ngx_string("http_429"), NGX_HTTP_UPSTREAM_FT_HTTP_429 },
    { ngx_string("off"), NGX_HTTP_UPSTREAM_FT_OFF },
    { ngx_null_string, 0 }
};


/* proxy's own: a directory that every nginx installation has */

static ngx_path_init_t  ngx_http_qasino_temp_path = {
    ngx_string(NGX_HTTP_PROXY_TEMP_PATH), { 1, 2, 0 }
};


static ngx_command_t  ngx_http_qasino_commands[] = {

    { ngx_string("qasino_pass"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_HTTP_LMT_CONF|NGX_CONF_TAKE1,
      ngx_http_qasino_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("qasino_generation_page"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_qasino_generation_page,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, page),
      NULL },

    { ngx_string("qasino_cache_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_qasino_cache_zone,
      0,
      0,
      NULL },

    { ngx_string("qasino_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_qasino_cache,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, cache),
      NULL },

    { ngx_string("qasino_cache_max_entry"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, cache_max_entry),
      NULL },

    { ngx_string("qasino_events"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      ngx_http_qasino_events,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("qasino_json_errors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, json_errors),
      NULL },

    { ngx_string("qasino_multiplex"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, multiplex),
      NULL },

    { ngx_string("qasino_direct"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, direct),
      NULL },

    { ngx_string("qasino_request_buffering"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, request_buffering),
      NULL },

    { ngx_string("qasino_allow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, allow),
      &ngx_http_qasino_allow_masks },

    { ngx_string("qasino_identity"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF
                        |NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, identity),
      NULL },

    { ngx_string("qasino_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.connect_timeout),
      NULL },

    { ngx_string("qasino_send_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.send_timeout),
      NULL },

    { ngx_string("qasino_read_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.read_timeout),
      NULL },

    { ngx_string("qasino_ignore_client_abort"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.ignore_client_abort),
      NULL },

    { ngx_string("qasino_buffering"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.buffering),
      NULL },

    { ngx_string("qasino_buffer_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.buffer_size),
      &ngx_http_qasino_buffer_size_post },

    { ngx_string("qasino_buffers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_conf_set_bufs_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.bufs),
      NULL },

    { ngx_string("qasino_busy_buffers_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.busy_buffers_size_conf),
      NULL },

    { ngx_string("qasino_temp_path"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1234,
      ngx_conf_set_path_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.temp_path),
      NULL },

    { ngx_string("qasino_max_temp_file_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.max_temp_file_size_conf),
      NULL },

    { ngx_string("qasino_temp_file_write_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.temp_file_write_size_conf),
      NULL },

    { ngx_string("qasino_next_upstream"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.next_upstream),
      &ngx_http_qasino_next_upstream_masks },

    { ngx_string("qasino_next_upstream_tries"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.next_upstream_tries),
      NULL },

    { ngx_string("qasino_next_upstream_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_qasino_loc_conf_t, upstream.next_upstream_timeout),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_qasino_module_ctx = {
    ngx_http_qasino_preconfiguration,      /* preconfiguration */
    ngx_http_qasino_postconfiguration,     /* postconfiguration */

    ngx_http_qasino_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_qasino_create_loc_conf,       /* create location configuration */
    ngx_http_qasino_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_qasino_module = {
    NGX_MODULE_V1,
    &ngx_http_qasino_module_ctx,           /* module context */
    ngx_http_qasino_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_qasino_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_qasino_add_variables(cf);
}


static ngx_int_t
ngx_http_qasino_postconfiguration(ngx_conf_t *cf)
{
    return ngx_http_qasino_error_filter_init(cf);
}


static void *
ngx_http_qasino_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_qasino_main_conf_t  *qmcf;

    qmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_qasino_main_conf_t));
    if (qmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&qmcf->links, cf->pool, 1,
                       sizeof(ngx_http_qasino_link_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return qmcf;
}


static void *
ngx_http_qasino_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_qasino_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_qasino_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->page = NULL;
     *     conf->link = NULL;
     *     conf->allow = 0;
     *     conf->identity = NULL;
     *     conf->events_clients = 0;
     *     conf->events_heartbeat = 0;
     *
     *     conf->upstream.bufs.num = 0;
     *     conf->upstream.next_upstream = 0;
     *     conf->upstream.temp_path = NULL;
     *
     * a worker's error document is passed on as it is:
     *
     *     conf->upstream.intercept_errors = 0;
     *     conf->upstream.intercept_404 = 0;
     *     conf->upstream.cyclic_temp_file = 0;
     *     conf->upstream.force_ranges = 0;
     *     conf->upstream.limit_rate = 0;
     *     conf->upstream.send_lowat = 0;
     */

    conf->cache = NGX_CONF_UNSET_PTR;
    conf->cache_max_entry = NGX_CONF_UNSET_SIZE;

    conf->json_errors = NGX_CONF_UNSET;
    conf->multiplex = NGX_CONF_UNSET;
    conf->direct = NGX_CONF_UNSET;
    conf->request_buffering = NGX_CONF_UNSET;

    conf->upstream.local = NGX_CONF_UNSET_PTR;
    conf->upstream.socket_keepalive = 0;
    conf->upstream.buffering = NGX_CONF_UNSET;
    conf->upstream.ignore_client_abort = NGX_CONF_UNSET;

    conf->upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.send_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.read_timeout = NGX_CONF_UNSET_MSEC;

    conf->upstream.next_upstream_tries = NGX_CONF_UNSET_UINT;
    conf->upstream.next_upstream_timeout = NGX_CONF_UNSET_MSEC;

    conf->upstream.buffer_size = NGX_CONF_UNSET_SIZE;
    conf->upstream.busy_buffers_size_conf = NGX_CONF_UNSET_SIZE;
    conf->upstream.max_temp_file_size_conf = NGX_CONF_UNSET_SIZE;
    conf->upstream.temp_file_write_size_conf = NGX_CONF_UNSET_SIZE;

    ngx_str_set(&conf->upstream.module, "qasino");

    return conf;
}


static char *
ngx_http_qasino_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_qasino_loc_conf_t  *prev = parent;
    ngx_http_qasino_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_ptr_value(conf->upstream.local, prev->upstream.local,
                             NULL);
    ngx_conf_merge_value(conf->upstream.buffering,
                         prev->upstream.buffering, 1);
    ngx_conf_merge_value(conf->upstream.ignore_client_abort,
                         prev->upstream.ignore_client_abort, 0);

    ngx_conf_merge_msec_value(conf->upstream.connect_timeout,
                              prev->upstream.connect_timeout, 60000);
    ngx_conf_merge_msec_value(conf->upstream.send_timeout,
                              prev->upstream.send_timeout, 60000);
    ngx_conf_merge_msec_value(conf->upstream.read_timeout,
                              prev->upstream.read_timeout, 60000);

    ngx_conf_merge_uint_value(conf->upstream.next_upstream_tries,
                              prev->upstream.next_upstream_tries, 0);
    ngx_conf_merge_msec_value(conf->upstream.next_upstream_timeout,
                              prev->upstream.next_upstream_timeout, 0);

    ngx_conf_merge_bitmask_value(conf->upstream.next_upstream,
                                 prev->upstream.next_upstream,
                                 (NGX_CONF_BITMASK_SET
                                  |NGX_HTTP_UPSTREAM_FT_ERROR
                                  |NGX_HTTP_UPSTREAM_FT_TIMEOUT));

    if (conf->upstream.next_upstream & NGX_HTTP_UPSTREAM_FT_OFF) {
        conf->upstream.next_upstream = NGX_CONF_BITMASK_SET
                                       |NGX_HTTP_UPSTREAM_FT_OFF;
    }

    if (ngx_http_qasino_merge_buffers(cf, &prev->upstream, &conf->upstream)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->page == NULL) {
        conf->page = prev->page;
    }

    ngx_conf_merge_ptr_value(conf->cache, prev->cache, NULL);
    ngx_conf_merge_size_value(conf->cache_max_entry, prev->cache_max_entry,
                              256 * 1024);

    ngx_conf_merge_bitmask_value(conf->allow, prev->allow,
                                 (NGX_CONF_BITMASK_SET|QSN_CLASS_ALL << 1));

    if (conf->identity == NULL) {
        conf->identity = prev->identity;
    }

    ngx_conf_merge_value(conf->json_errors, prev->json_errors,
                         NGX_CONF_UNSET);
    ngx_conf_merge_value(conf->multiplex, prev->multiplex, 1);
    ngx_conf_merge_value(conf->direct, prev->direct, 1);
    ngx_conf_merge_value(conf->request_buffering, prev->request_buffering, 1);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->upstream.upstream == NULL) {
        conf->upstream.upstream = prev->upstream.upstream;
        conf->link = prev->link;
    }

    if (clcf->noname && conf->events_clients == 0) {
        conf->events_clients = prev->events_clients;
        conf->events_heartbeat = prev->events_heartbeat;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {

        if (conf->upstream.upstream) {
            clcf->handler = ngx_http_qasino_handler;

        } else if (conf->events_clients) {
            clcf->handler = ngx_http_qasino_events_handler;
        }
    }

    if (conf->upstream.upstream && conf->cache && conf->page == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"qasino_cache\" needs "
                           "\"qasino_generation_page\", which says for how "
                           "long an answer is good");
        return NGX_CONF_ERROR;
    }

    /* a location without qasino_pass must not make nginx create the path */

    if (conf->upstream.upstream == NULL
        && conf->upstream.temp_path == NULL
        && prev->upstream.temp_path == NULL)
    {
        return NGX_CONF_OK;
    }

    if (ngx_conf_merge_path_value(cf, &conf->upstream.temp_path,
                                  prev->upstream.temp_path,
                                  &ngx_http_qasino_temp_path)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* The sizes depend on one another as those of proxy do. */

static char *
ngx_http_qasino_merge_buffers(ngx_conf_t *cf, ngx_http_upstream_conf_t *prev,
    ngx_http_upstream_conf_t *conf)
{
    size_t  size;

    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size,
                              (size_t) ngx_pagesize);

    ngx_conf_merge_bufs_value(conf->bufs, prev->bufs, 8, ngx_pagesize);

    if (conf->bufs.num < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there must be at least 2 \"qasino_buffers\"");
        return NGX_CONF_ERROR;
    }

    size = ngx_max(conf->buffer_size, conf->bufs.size);

    ngx_conf_merge_size_value(conf->busy_buffers_size_conf,
                              prev->busy_buffers_size_conf,
                              NGX_CONF_UNSET_SIZE);

    conf->busy_buffers_size =
                      (conf->busy_buffers_size_conf == NGX_CONF_UNSET_SIZE)
                      ? 2 * size : conf->busy_buffers_size_conf;

    if (conf->busy_buffers_size < size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"qasino_busy_buffers_size\" must be at least "
                           "as large as \"qasino_buffer_size\" and one of "
                           "the \"qasino_buffers\"");
        return NGX_CONF_ERROR;
    }

    if (conf->busy_buffers_size > (conf->bufs.num - 1) * conf->bufs.size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"qasino_busy_buffers_size\" must not be larger "
                           "than all \"qasino_buffers\" but one");
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_size_value(conf->temp_file_write_size_conf,
                              prev->temp_file_write_size_conf,
                              NGX_CONF_UNSET_SIZE);

    conf->temp_file_write_size =
                   (conf->temp_file_write_size_conf == NGX_CONF_UNSET_SIZE)
                   ? 2 * size : conf->temp_file_write_size_conf;

    if (conf->temp_file_write_size < size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"qasino_temp_file_write_size\" must be at least "
                           "as large as \"qasino_buffer_size\" and one of "
                           "the \"qasino_buffers\"");
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_size_value(conf->max_temp_file_size_conf,
                              prev->max_temp_file_size_conf,
                              NGX_CONF_UNSET_SIZE);

    conf->max_temp_file_size =
                     (conf->max_temp_file_size_conf == NGX_CONF_UNSET_SIZE)
                     ? 1024 * 1024 * 1024 : conf->max_temp_file_size_conf;

    if (conf->max_temp_file_size != 0 && conf->max_temp_file_size < size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"qasino_max_temp_file_size\" must be 0 (no "
                           "temporary files) or at least as large as "
                           "\"qasino_buffer_size\" and one of the "
                           "\"qasino_buffers\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_qasino_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_qasino_loc_conf_t  *qlcf = conf;

    ngx_url_t                  u;
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (qlcf->upstream.upstream) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.no_resolve = 1;

    qlcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (qlcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    qlcf->link = ngx_http_qasino_link(cf, qlcf->upstream.upstream);
    if (qlcf->link == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = ngx_http_qasino_handler;

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_qasino_lowest_buffer_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    if (*size < NGX_HTTP_QASINO_BUFFER_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"qasino_buffer_size\" must be at least %d bytes",
                           NGX_HTTP_QASINO_BUFFER_MIN);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
