
/*
 * The zone of the result cache: its directive, its mutex, and what to do when
 * a process died in it.
 */


#include "ngx_http_qasino_cache.h"

#include <sys/random.h>


/* for the tables of the zone and a few entries */
#define NGX_HTTP_QASINO_CACHE_PAGES  32

/* bytes of the zone to a bucket and a mark: an entry with a small answer */
#define NGX_HTTP_QASINO_CACHE_BUCKET  512


static ngx_int_t ngx_http_qasino_cache_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_qasino_cache_create(ngx_slab_pool_t *shpool);
static ngx_int_t ngx_http_qasino_cache_empty(ngx_http_qasino_cache_t *cache,
    const char *what);


char *
ngx_http_qasino_cache_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                   *p;
    ssize_t                   size;
    ngx_str_t                *value, name, s;
    ngx_shm_zone_t           *shm_zone;
    ngx_http_qasino_cache_t  *cache;

    value = cf->args->elts;

    name = value[1];

    p = (u_char *) ngx_strchr(name.data, ':');

    if (p == NULL || p == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" must be of the form \"%V name:size\"",
                           &cmd->name, &value[1], &cmd->name);
        return NGX_CONF_ERROR;
    }

    name.len = p - name.data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of \"%V\"", &s, &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (NGX_HTTP_QASINO_CACHE_PAGES * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" is too small, it takes %uz bytes "
                           "at least", &cmd->name, &value[1],
                           NGX_HTTP_QASINO_CACHE_PAGES * ngx_pagesize);
        return NGX_CONF_ERROR;
    }

    cache = ngx_pcalloc(cf->pool, sizeof(ngx_http_qasino_cache_t));
    if (cache == NULL) {
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_qasino_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate %V \"%V\"", &cmd->name, &name);
        return NGX_CONF_ERROR;
    }

    cache->shm_zone = shm_zone;

    shm_zone->init = ngx_http_qasino_cache_init_zone;
    shm_zone->data = cache;

    return NGX_CONF_OK;
}


/*
 * A reload goes on with the zone as it is.  nginx itself makes a new one if
 * its size is another; the old workers keep theirs until they end.
 */

static ngx_int_t
ngx_http_qasino_cache_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_qasino_cache_t  *ocache = data;

    ngx_http_qasino_cache_t     *cache;
    ngx_http_qasino_cache_sh_t  *sh;

    cache = shm_zone->data;
    cache->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (ocache == NULL && !shm_zone->shm.exists) {
        return ngx_http_qasino_cache_create(cache->shpool);
    }

    sh = cache->shpool->data;

    if (sh && sh->layout != NGX_HTTP_QASINO_CACHE_LAYOUT) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "qasino_cache_zone \"%V\" was made by another version "
                      "of the module: restart nginx, or rename the zone",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_qasino_cache_create(ngx_slab_pool_t *shpool)
{
    size_t                       size;
    ngx_uint_t                   n;
    ngx_http_qasino_cache_sh_t  *sh;

    /* a full zone is the rule here */
    shpool->log_nomem = 0;

    size = shpool->end - (u_char *) shpool;

    for (n = 1; n * 2 <= size / NGX_HTTP_QASINO_CACHE_BUCKET; n *= 2) {
        /* void */
    }

    sh = ngx_slab_calloc_locked(shpool, sizeof(ngx_http_qasino_cache_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->layout = NGX_HTTP_QASINO_CACHE_LAYOUT;

    sh->mask = n - 1;

    if (getrandom(sh->secret, sizeof(sh->secret), 0)
        != (ssize_t) sizeof(sh->secret))
    {
        return NGX_ERROR;
    }

    sh->secret[0] |= 1;
    sh->secret[1] |= 1;

    sh->buckets = ngx_slab_calloc_locked(shpool,
                                 n * sizeof(ngx_http_qasino_cache_entry_t *));
    if (sh->buckets == NULL) {
        return NGX_ERROR;
    }

    sh->seen = ngx_slab_calloc_locked(shpool, n * sizeof(uint32_t));
    if (sh->seen == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&sh->queue);

    shpool->data = sh;

    return NGX_OK;
}


ngx_http_qasino_cache_sh_t *
ngx_http_qasino_cache_lock(ngx_http_qasino_cache_t *cache)
{
    ngx_slab_pool_t               *shpool;
    ngx_http_qasino_cache_sh_t    *sh;
    ngx_http_qasino_cache_user_t  *user;

    shpool = cache->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    sh = shpool->data;

    if (sh == NULL || sh->changing) {

        if (ngx_http_qasino_cache_empty(cache, "changed it") != NGX_OK) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NULL;
        }

    } else if (sh->leaked) {
        (void) ngx_http_qasino_cache_empty(cache,
                                           "sent from it or added to it");
    }

    sh = shpool->data;

    user = &sh->users[ngx_process_slot];

    if (user->pid != ngx_pid) {

        if (user->pins) {
            sh->leaked = 1;
        }

        user->pins = 0;
        user->pid = ngx_pid;
    }

    sh->changing = 1;

    ngx_memory_barrier();

    return sh;
}


void
ngx_http_qasino_cache_unlock(ngx_http_qasino_cache_t *cache,
    ngx_http_qasino_cache_sh_t *sh)
{
    ngx_memory_barrier();

    sh->changing = 0;

    ngx_shmtx_unlock(&cache->shpool->mutex);
}


/*
 * NGX_DECLINED while a process that lives sends from the zone.  One that dies
 * in here leaves shpool->data NULL: its successor has nobody to wait for.
 */

static ngx_int_t
ngx_http_qasino_cache_empty(ngx_http_qasino_cache_t *cache,
    const char *what)
{
    ngx_uint_t                     i;
    ngx_slab_pool_t               *shpool;
    ngx_http_qasino_cache_sh_t    *sh;
    ngx_http_qasino_cache_user_t  *user;

    shpool = cache->shpool;
    sh = shpool->data;

    for (i = 0; sh && i < NGX_MAX_PROCESSES; i++) {

        user = &sh->users[i];

        if (user->pins
            && (kill(user->pid, 0) == 0 || ngx_errno != NGX_ESRCH))
        {
            return NGX_DECLINED;
        }
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "qasino_cache_zone \"%V\" is emptied: "
                  "a process died while it %s",
                  &cache->shm_zone->shm.name, what);

    shpool->data = NULL;

    ngx_memory_barrier();

    ngx_slab_init(shpool);

    return ngx_http_qasino_cache_create(shpool);
}
