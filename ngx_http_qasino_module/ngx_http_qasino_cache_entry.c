
/*
 * The entries of the result cache: found, kept, and sent from where they lie.
 */


#include "ngx_http_qasino_cache.h"


/* entries that one may put out, or look at for that */
#define NGX_HTTP_QASINO_CACHE_EVICT  256


typedef struct {
    ngx_http_qasino_cache_t         *cache;
    ngx_http_qasino_cache_entry_t   *entry;
} ngx_http_qasino_cache_pin_t;


static ngx_int_t ngx_http_qasino_cache_make_place(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, ngx_http_qasino_cache_key_t *key,
    ngx_http_qasino_reply_t *reply);
static void ngx_http_qasino_cache_fill(ngx_http_qasino_cache_room_t *room,
    ngx_http_qasino_cache_key_t *key, ngx_http_qasino_reply_t *reply);
static ngx_int_t ngx_http_qasino_cache_same_key(
    ngx_http_qasino_cache_entry_t *entry, ngx_http_qasino_cache_key_t *key);
static size_t ngx_http_qasino_cache_size(
    ngx_http_qasino_cache_entry_t *entry);
static ngx_http_qasino_cache_entry_t *ngx_http_qasino_cache_copy(
    ngx_pool_t *pool, ngx_http_qasino_cache_entry_t *entry);
static void ngx_http_qasino_cache_unpin(void *data);


ngx_int_t
ngx_http_qasino_cache_find(ngx_http_request_t *r, ngx_shm_zone_t *shm_zone,
    ngx_http_qasino_cache_key_t *key, qsn_page_state_t *page,
    ngx_http_qasino_cache_entry_t **found)
{
    size_t                          size;
    ngx_int_t                       rc;
    ngx_pool_cleanup_t             *cln;
    ngx_http_qasino_cache_t        *cache;
    ngx_http_qasino_cache_sh_t     *sh;
    ngx_http_qasino_cache_pin_t    *pin;
    ngx_http_qasino_cache_entry_t  *entry;

    cache = shm_zone->data;

    sh = cache->shpool->data;

    if (sh && ngx_http_qasino_cache_lacks(sh, key->hash)) {
        (void) ngx_atomic_fetch_add(&sh->misses, 1);
        return NGX_DECLINED;
    }

    /* before there is something to lose */

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_qasino_cache_pin_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    sh = ngx_http_qasino_cache_lock(cache);
    if (sh == NULL) {
        return NGX_DECLINED;
    }

    entry = *ngx_http_qasino_cache_search(sh, key->hash);

    if (entry == NULL || ngx_http_qasino_cache_same_key(entry, key) != NGX_OK)
    {
        rc = NGX_DECLINED;

    } else if (entry->generation != page->generation_number
               || entry->static_version != page->static_version)
    {
        rc = NGX_ABORT;

    } else {
        ngx_queue_remove(&entry->queue);
        ngx_queue_insert_head(&sh->queue, &entry->queue);

        size = ngx_http_qasino_cache_size(entry);

        if (entry->pins == 0 && sh->pinned + size > shm_zone->shm.size / 4) {

            *found = ngx_http_qasino_cache_copy(r->pool, entry);
            rc = *found ? NGX_OK : NGX_ERROR;

        } else {
            sh->users[ngx_process_slot].pins++;

            if (ngx_atomic_fetch_add(&entry->pins, 1) == 0) {
                (void) ngx_atomic_fetch_add(&sh->pinned, size);
            }

            pin = cln->data;
            pin->cache = cache;
            pin->entry = entry;

            cln->handler = ngx_http_qasino_cache_unpin;

            *found = entry;
            rc = NGX_OK;
        }
    }

    if (rc == NGX_OK) {
        (void) ngx_atomic_fetch_add(&sh->hits, 1);

    } else {
        (void) ngx_atomic_fetch_add(&sh->misses, 1);
    }

    ngx_http_qasino_cache_unlock(cache, sh);

    return rc;
}


ngx_int_t
ngx_http_qasino_cache_count(ngx_shm_zone_t *shm_zone, uint64_t *hits,
    uint64_t *misses)
{
    ngx_http_qasino_cache_t     *cache;
    ngx_http_qasino_cache_sh_t  *sh;

    cache = shm_zone->data;

    sh = ngx_http_qasino_cache_lock(cache);
    if (sh == NULL) {
        return NGX_DECLINED;
    }

    *hits = sh->hits;
    *misses = sh->misses;

    ngx_http_qasino_cache_unlock(cache, sh);

    return NGX_OK;
}


void
ngx_http_qasino_cache_describe(ngx_http_qasino_cache_entry_t *entry,
    ngx_http_qasino_reply_t *reply)
{
    ngx_memzero(reply, sizeof(ngx_http_qasino_reply_t));

    reply->status = NGX_HTTP_OK;
    reply->op = entry->op;
    reply->format = entry->format;
    reply->generation = entry->generation;
    reply->generation_known = 1;
    reply->static_version = entry->static_version;
    reply->max_age = 1;
    reply->body.len = entry->body_size;
}


ngx_chain_t *
ngx_http_qasino_cache_body(ngx_pool_t *pool,
    ngx_http_qasino_cache_entry_t *entry)
{
    size_t                          skip;
    ngx_buf_t                      *b;
    ngx_chain_t                    *out, **ll;
    ngx_http_qasino_cache_block_t  *block;

    b = NULL;
    ll = &out;

    skip = entry->key.statement.len;

    for (block = &entry->first; block; block = block->next) {

        if (skip >= block->size) {
            skip -= block->size;
            continue;
        }

        *ll = ngx_alloc_chain_link(pool);
        if (*ll == NULL) {
            return NULL;
        }

        b = ngx_calloc_buf(pool);
        if (b == NULL) {
            return NULL;
        }

        b->memory = 1;
        b->pos = block->data + skip;
        b->last = block->data + block->size;

        (*ll)->buf = b;
        ll = &(*ll)->next;

        skip = 0;
    }

    *ll = NULL;

    if (b == NULL) {
        return NULL;            /* no answer is without a body */
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    return out;
}


/*
 * Room is taken, filled, and then made an entry.  The pin is for what a
 * process that dies in between leaves behind.
 */

void
ngx_http_qasino_cache_keep(ngx_shm_zone_t *shm_zone,
    ngx_http_qasino_cache_key_t *key, ngx_http_qasino_reply_t *reply)
{
    size_t                           size;
    ngx_int_t                        rc;
    ngx_slab_pool_t                 *shpool;
    ngx_http_qasino_cache_t         *cache;
    ngx_http_qasino_cache_sh_t      *sh, *locked;
    ngx_http_qasino_cache_room_t     room;
    ngx_http_qasino_cache_evict_t    evict;

    size = key->statement.len + reply->body.len;

    if (reply->body.len == 0 || size > shm_zone->shm.size / 4) {
        return;
    }

    cache = shm_zone->data;
    shpool = cache->shpool;

    evict.generation = reply->generation;
    evict.static_version = reply->static_version;
    evict.tries = NGX_HTTP_QASINO_CACHE_EVICT;
    evict.valid = 0;

    sh = shpool->data;

    if (sh) {
        evict.valid = ngx_http_qasino_cache_seen(sh, key->hash);

        if (ngx_http_qasino_cache_is_full(sh, size, &evict)) {
            return;
        }
    }

    sh = ngx_http_qasino_cache_lock(cache);
    if (sh == NULL) {
        return;
    }

    rc = ngx_http_qasino_cache_make_place(shpool, sh, key, reply);

    if (rc == NGX_OK) {
        rc = ngx_http_qasino_cache_take_room(shpool, sh, size, &evict, &room);
    }

    if (rc == NGX_OK) {
        sh->users[ngx_process_slot].pins++;
    }

    ngx_http_qasino_cache_unlock(cache, sh);

    if (rc != NGX_OK) {
        return;
    }

    ngx_http_qasino_cache_fill(&room, key, reply);

    locked = ngx_http_qasino_cache_lock(cache);

    if (locked) {

        if (ngx_http_qasino_cache_make_place(shpool, sh, key, reply)
            == NGX_OK)
        {
            *ngx_http_qasino_cache_search(sh, key->hash) = room.entry;
            ngx_queue_insert_head(&sh->queue, &room.entry->queue);

        } else {
            ngx_http_qasino_cache_give_back(shpool, sh, room.entry, room.next);
        }

        ngx_http_qasino_cache_unlock(cache, sh);
    }

    sh->users[ngx_process_slot].pins--;
}


/* NGX_DECLINED: the same is there already */

static ngx_int_t
ngx_http_qasino_cache_make_place(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, ngx_http_qasino_cache_key_t *key,
    ngx_http_qasino_reply_t *reply)
{
    ngx_http_qasino_cache_entry_t  *entry;

    entry = *ngx_http_qasino_cache_search(sh, key->hash);

    if (entry == NULL) {
        return NGX_OK;
    }

    if (entry->generation == reply->generation
        && entry->static_version == reply->static_version
        && ngx_http_qasino_cache_same_key(entry, key) == NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_qasino_cache_remove(shpool, sh, entry);

    return NGX_OK;
}


static void
ngx_http_qasino_cache_fill(ngx_http_qasino_cache_room_t *room,
    ngx_http_qasino_cache_key_t *key, ngx_http_qasino_reply_t *reply)
{
    u_char                         *statement, *body;
    size_t                          n, size;
    ngx_http_qasino_cache_block_t  *block;
    ngx_http_qasino_cache_entry_t  *entry;

    entry = room->entry;

    ngx_memzero(entry, NGX_HTTP_QASINO_CACHE_HEAD);

    entry->key = *key;
    entry->key.statement.data = NULL;

    entry->generation = reply->generation;
    entry->static_version = reply->static_version;
    entry->op = reply->op;
    entry->format = reply->format;
    entry->body_size = reply->body.len;

    entry->first.size = room->size;
    entry->first.next = room->next;

    statement = key->statement.data;
    size = key->statement.len;
    body = reply->body.data;

    for (block = &entry->first; block; block = block->next) {

        n = ngx_min(size, block->size);

        ngx_memcpy(block->data, statement, n);
        ngx_memcpy(block->data + n, body, block->size - n);

        statement += n;
        size -= n;
        body += block->size - n;
    }
}


/* Whoever makes two statements of one hash gets no other's answer. */

static ngx_int_t
ngx_http_qasino_cache_same_key(ngx_http_qasino_cache_entry_t *entry,
    ngx_http_qasino_cache_key_t *key)
{
    u_char                         *p;
    size_t                          n, rest;
    ngx_http_qasino_cache_block_t  *block;

    if (entry->key.op != key->op
        || entry->key.format != key->format
        || entry->key.flags != key->flags
        || entry->key.worker != key->worker
        || entry->key.statement.len != key->statement.len)
    {
        return NGX_DECLINED;
    }

    p = key->statement.data;
    rest = key->statement.len;

    for (block = &entry->first; rest; block = block->next) {

        n = ngx_min(rest, block->size);

        if (ngx_memcmp(p, block->data, n) != 0) {
            return NGX_DECLINED;
        }

        p += n;
        rest -= n;
    }

    return NGX_OK;
}


static size_t
ngx_http_qasino_cache_size(ngx_http_qasino_cache_entry_t *entry)
{
    return NGX_HTTP_QASINO_CACHE_HEAD + entry->key.statement.len
           + entry->body_size;
}


/* With the mutex held, as there is no pin: 256k, the longest there is without
   qasino_cache_max_entry, take about as long as a request. */

static ngx_http_qasino_cache_entry_t *
ngx_http_qasino_cache_copy(ngx_pool_t *pool,
    ngx_http_qasino_cache_entry_t *entry)
{
    u_char                         *p;
    size_t                          skip;
    ngx_http_qasino_cache_block_t  *block;
    ngx_http_qasino_cache_entry_t  *copy;

    copy = ngx_palloc(pool, NGX_HTTP_QASINO_CACHE_HEAD + entry->body_size);
    if (copy == NULL) {
        return NULL;
    }

    ngx_memcpy(copy, entry, NGX_HTTP_QASINO_CACHE_HEAD);

    copy->key.statement.len = 0;        /* the body alone */
    copy->first.next = NULL;
    copy->first.size = entry->body_size;

    p = copy->first.data;
    skip = entry->key.statement.len;

    for (block = &entry->first; block; block = block->next) {

        if (skip >= block->size) {
            skip -= block->size;
            continue;
        }

        p = ngx_cpymem(p, block->data + skip, block->size - skip);
        skip = 0;
    }

    return copy;
}


/* Once it has no pins the entry may be gone, and once the process has none
   the zone may begin empty. */

static void
ngx_http_qasino_cache_unpin(void *data)
{
    ngx_http_qasino_cache_pin_t  *pin = data;

    size_t                       size;
    ngx_http_qasino_cache_sh_t  *sh;

    sh = pin->cache->shpool->data;
    size = ngx_http_qasino_cache_size(pin->entry);

    if (ngx_atomic_fetch_add(&pin->entry->pins, -1) == 1) {
        (void) ngx_atomic_fetch_add(&sh->pinned, -(ngx_atomic_int_t) size);
    }

    ngx_memory_barrier();

    sh->users[ngx_process_slot].pins--;
}
