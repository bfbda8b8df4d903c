
/*
 * What the entries of the result cache hang in and lie in: buckets, the marks
 * of what was asked before, memory, and who gives up theirs for a new one.
 * All of it with the mutex held.
 */


#include "ngx_http_qasino_cache.h"


static ngx_uint_t ngx_http_qasino_cache_slot(ngx_http_qasino_cache_sh_t *sh,
    u_char *hash);
static void *ngx_http_qasino_cache_alloc(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, size_t size,
    ngx_http_qasino_cache_evict_t *evict);
static void ngx_http_qasino_cache_free(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_entry_t *entry);


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


/* Was it asked before, in any generation?  From now on it was. */

ngx_uint_t
ngx_http_qasino_cache_seen(ngx_http_qasino_cache_sh_t *sh, u_char *hash)
{
    uint32_t  mark, *seen;

    seen = &sh->seen[ngx_http_qasino_cache_slot(sh, hash)];
    ngx_memcpy(&mark, hash, sizeof(uint32_t));

    if (*seen == mark) {
        return 1;
    }

    *seen = mark;

    return 0;
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
 * An entry with room for rest bytes, in no bucket or queue yet.  One piece is
 * sent faster than blocks, but nothing is put out for the sake of it.
 */

ngx_http_qasino_cache_entry_t *
ngx_http_qasino_cache_new_entry(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, size_t rest,
    ngx_http_qasino_cache_evict_t *evict)
{
    size_t                          head, size;
    ngx_http_qasino_cache_block_t  *block;
    ngx_http_qasino_cache_entry_t  *entry;

    head = NGX_HTTP_QASINO_CACHE_HEAD;
    size = head + rest;

    entry = ngx_slab_alloc_locked(shpool, size);

    if (entry == NULL) {
        size = ngx_min(size, ngx_pagesize);

        entry = ngx_http_qasino_cache_alloc(shpool, sh, size, evict);
        if (entry == NULL) {
            return NULL;
        }
    }

    ngx_memzero(entry, head);

    block = &entry->first;

    for ( ;; ) {
        block->next = NULL;
        block->size = size - head;

        rest -= block->size;

        if (rest == 0) {
            return entry;
        }

        head = offsetof(ngx_http_qasino_cache_block_t, data);
        size = ngx_min(head + rest, ngx_pagesize);

        block->next = ngx_http_qasino_cache_alloc(shpool, sh, size, evict);

        if (block->next == NULL) {
            ngx_http_qasino_cache_free(shpool, entry);
            return NULL;
        }

        block = block->next;
    }
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

    ngx_http_qasino_cache_free(shpool, entry);
}


static void
ngx_http_qasino_cache_free(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_entry_t *entry)
{
    ngx_http_qasino_cache_block_t  *block, *next;

    for (block = entry->first.next; block; block = next) {
        next = block->next;
        ngx_slab_free_locked(shpool, block);
    }

    ngx_slab_free_locked(shpool, entry);
}
