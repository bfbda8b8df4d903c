
/*
 * What the entries of the result cache hang in and lie in: buckets, the marks
 * of what was asked before, memory, and who gives up theirs for a new one.
 * With the mutex held, but for what only looks or leaves a mark.
 */


#include "ngx_http_qasino_cache.h"


static ngx_uint_t ngx_http_qasino_cache_slot(ngx_http_qasino_cache_sh_t *sh,
    u_char *hash);
static void *ngx_http_qasino_cache_alloc(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, size_t size,
    ngx_http_qasino_cache_evict_t *evict);


/* Where the entry of that hash hangs, or else the end of its bucket. */

ngx_http_qasino_cache_entry_t **
ngx_http_qasino_cache_search(ngx_http_qasino_cache_sh_t *sh, u_char *hash)
{
    ngx_http_qasino_cache_entry_t  **place;

    place = &sh->buckets[ngx_http_qasino_cache_slot(sh, hash)];

    while (*place
           && ngx_memcmp(hash, (*place)->key.hash, NGX_HTTP_QASINO_HASH_SIZE)
              != 0)
    {
        place = &(*place)->next;
    }

    return place;
}


/* Nothing of that hash, as far as one can see without the mutex. */

ngx_uint_t
ngx_http_qasino_cache_lacks(ngx_http_qasino_cache_sh_t *sh, u_char *hash)
{
    ngx_http_qasino_cache_entry_t *volatile  *buckets;

    buckets = *(ngx_http_qasino_cache_entry_t *volatile *volatile *)
                                                               &sh->buckets;

    return buckets && buckets[ngx_http_qasino_cache_slot(sh, hash)] == NULL;
}


/* Was it asked before, in any generation?  From now on it was. */

ngx_uint_t
ngx_http_qasino_cache_seen(ngx_http_qasino_cache_sh_t *sh, u_char *hash)
{
    uint32_t            mark;
    volatile uint32_t  *seen;

    seen = *(volatile uint32_t *volatile *) &sh->seen;

    if (seen == NULL) {
        return 0;
    }

    seen += ngx_http_qasino_cache_slot(sh, hash);
    ngx_memcpy(&mark, hash, sizeof(uint32_t));

    if (*seen == mark) {
        return 1;
    }

    *seen = mark;

    return 0;
}


/* That may be over when it is found: what was to be kept is not, for once. */

ngx_uint_t
ngx_http_qasino_cache_is_full(ngx_http_qasino_cache_sh_t *sh, size_t size,
    ngx_http_qasino_cache_evict_t *evict)
{
    volatile ngx_http_qasino_cache_full_t  *full;

    full = &sh->full;

    return !evict->valid
           && full->size && size >= full->size
           && full->generation == evict->generation
           && full->static_version == evict->static_version;
}


/* Anybody can find questions whose hashes have bits in common, but not which
   of them meet in one bucket. */

static ngx_uint_t
ngx_http_qasino_cache_slot(ngx_http_qasino_cache_sh_t *sh, u_char *hash)
{
    uint64_t  part[2];

    ngx_memcpy(part, hash, NGX_HTTP_QASINO_HASH_SIZE);

    return (part[0] * sh->secret[0] + part[1] * sh->secret[1]) >> 32
           & sh->mask;
}


/*
 * Memory for an entry with rest bytes.  One piece is sent faster than blocks,
 * but nothing is put out for the sake of it.  The first piece is not touched:
 * its pages may have to come into being first.  (Blocks are taken where the
 * zone was full once, and all pages are there.)
 */

ngx_int_t
ngx_http_qasino_cache_take_room(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, size_t rest,
    ngx_http_qasino_cache_evict_t *evict, ngx_http_qasino_cache_room_t *room)
{
    size_t                          head, size, left;
    ngx_http_qasino_cache_block_t  *block, **last;

    head = NGX_HTTP_QASINO_CACHE_HEAD;

    room->next = NULL;
    room->size = rest;
    room->entry = ngx_slab_alloc_locked(shpool, head + rest);

    if (room->entry) {
        return NGX_OK;
    }

    size = ngx_min(head + rest, ngx_pagesize);

    room->entry = ngx_http_qasino_cache_alloc(shpool, sh, size, evict);
    if (room->entry == NULL) {
        goto full;
    }

    room->size = size - head;

    left = rest - room->size;
    last = &room->next;

    head = offsetof(ngx_http_qasino_cache_block_t, data);

    while (left) {
        size = ngx_min(head + left, ngx_pagesize);

        block = ngx_http_qasino_cache_alloc(shpool, sh, size, evict);
        if (block == NULL) {
            ngx_http_qasino_cache_give_back(shpool, sh, room->entry,
                                            room->next);
            goto full;
        }

        block->next = NULL;
        block->size = size - head;

        left -= block->size;

        *last = block;
        last = &block->next;
    }

    return NGX_OK;

full:

    /* without tries left nobody knows */

    if (!evict->valid && evict->tries) {
        sh->full.generation = evict->generation;
        sh->full.static_version = evict->static_version;
        sh->full.size = rest;
    }

    return NGX_DECLINED;
}


/*
 * Entries at the end of the queue make room, except those being sent, and
 * those that still hold for what was asked only once: a flood of questions
 * that nobody repeats leaves what others share, and costs no copies.
 */

static void *
ngx_http_qasino_cache_alloc(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, size_t size,
    ngx_http_qasino_cache_evict_t *evict)
{
    void                           *p;
    ngx_queue_t                    *q;
    ngx_http_qasino_cache_entry_t  *entry;

    for ( ;; ) {
        p = ngx_slab_alloc_locked(shpool, size);

        if (p || evict->tries == 0 || ngx_queue_empty(&sh->queue)) {
            return p;
        }

        evict->tries--;

        q = ngx_queue_last(&sh->queue);
        entry = ngx_queue_data(q, ngx_http_qasino_cache_entry_t, queue);

        if (entry->pins) {
            ngx_queue_remove(q);
            ngx_queue_insert_head(&sh->queue, q);
            continue;
        }

        if (!evict->valid
            && !entry->removed
            && entry->generation == evict->generation
            && entry->static_version == evict->static_version)
        {
            return NULL;
        }

        ngx_http_qasino_cache_remove(shpool, sh, entry);
    }
}


void
ngx_http_qasino_cache_remove(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, ngx_http_qasino_cache_entry_t *entry)
{
    if (!entry->removed) {
        *ngx_http_qasino_cache_search(sh, entry->key.hash) = entry->next;
        entry->removed = 1;
    }

    ngx_queue_remove(&entry->queue);

    if (entry->pins) {
        ngx_queue_insert_tail(&sh->queue, &entry->queue);
        return;
    }

    ngx_http_qasino_cache_give_back(shpool, sh, entry, entry->first.next);
}


void
ngx_http_qasino_cache_give_back(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, ngx_http_qasino_cache_entry_t *entry,
    ngx_http_qasino_cache_block_t *block)
{
    ngx_http_qasino_cache_block_t  *next;

    sh->full.size = 0;

    for ( /* void */ ; block; block = next) {
        next = block->next;
        ngx_slab_free_locked(shpool, block);
    }

    ngx_slab_free_locked(shpool, entry);
}
