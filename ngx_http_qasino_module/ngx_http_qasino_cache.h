
/*
 * The shared memory of the result cache, for the three files that know what it
 * looks like: cache_zone makes, locks and empties it, cache_room has what
 * entries hang and lie in, cache_entry the entries.
 *
 *   shpool -> sh -> buckets --\
 *               \-> queue ----+-> entry: head, statement, body ...
 *               \-> seen                  \-> block: ... body ...
 *
 * Buckets of entries by the hash of what was asked, a queue of them by last
 * use, all in nginx's slab.  Where there are not enough free pages in a row,
 * as in any zone that was full once, an entry goes on in further blocks of a
 * page each.
 *
 * In a full zone, what was asked once gets no room that an entry would have
 * to give up that still holds.  What was asked before, in this generation or
 * another, has left a mark of its hash in seen, until another is put there.
 *
 * The mutex is for all of it, and is held for moments only, but where a hit
 * is copied (see below): a process that has it may lose its core, and the
 * others then wait, too.  So an entry is filled without it, being nobody
 * else's yet.  An empty bucket, a mark, and that there is no room (sh->full)
 * are looked at without it: where that is just changing, nothing worse comes
 * of it than a miss.
 *
 * A hit is sent from where it lies.  Its entry is pinned meanwhile: it may
 * leave its bucket, as it does when a newer answer takes its place, but its
 * memory stays until it is found without pins at the end of the queue.  Pins
 * are taken under the zone's mutex and given back without it.
 *
 * Clients that take their time must not keep the zone: entries that are
 * pinned are a quarter of it at most.  Past that a hit is copied.
 *
 * A worker process may die at any instruction.  nginx's master then gives
 * its mutex back, and two marks tell the others what is left:
 *
 *   sh->changing   it died within a change: nothing here can be believed.
 *                  The zone is out of use until nobody who lives has a pin,
 *                  which takes a moment, and then begins empty.
 *   users[].pins   of entries that are sent, and of one that is filled: those
 *                  of a dead process never come back.  It costs their
 *                  memory, until a moment without any others lets the zone
 *                  begin empty, too.
 */


#ifndef _NGX_HTTP_QASINO_CACHE_H_INCLUDED_
#define _NGX_HTTP_QASINO_CACHE_H_INCLUDED_


#include "ngx_http_qasino_module.h"


/* goes up with every change of the structures below */
#define NGX_HTTP_QASINO_CACHE_LAYOUT  5


typedef struct ngx_http_qasino_cache_block_s  ngx_http_qasino_cache_block_t;

struct ngx_http_qasino_cache_block_s {
    ngx_http_qasino_cache_block_t   *next;
    size_t                           size;     /* of data */
    u_char                           data[1];
};


struct ngx_http_qasino_cache_entry_s {
    ngx_http_qasino_cache_entry_t   *next;     /* in its bucket */
    ngx_queue_t                      queue;
    ngx_atomic_t                     pins;

    ngx_http_qasino_cache_key_t      key;      /* statement.data: no use */
    uint64_t                         generation;
    uint64_t                         static_version;
    enum qsn_op                      op;       /* of the answer, */
    enum qsn_format                  format;   /* as this is, too */
    size_t                           body_size;

    unsigned                         removed:1;        /* from its bucket */

    ngx_http_qasino_cache_block_t    first;    /* the last: it is longer */
};


/* a process and the pins it holds, in the place that the master gave it */

typedef struct {
    ngx_pid_t                        pid;
    ngx_atomic_t                     pins;
} ngx_http_qasino_cache_user_t;


/* what was asked once, and is as long or longer, finds no room */

typedef struct {
    uint64_t                         generation;
    uint64_t                         static_version;
    size_t                           size;     /* 0: it does */
} ngx_http_qasino_cache_full_t;


typedef struct {
    ngx_uint_t                       layout;
    volatile ngx_uint_t              changing;
    ngx_uint_t                       leaked;

    ngx_atomic_t                     hits;
    ngx_atomic_t                     misses;   /* expired ones, too */

    ngx_http_qasino_cache_entry_t  **buckets;  /* mask + 1 of them, */
    uint32_t                        *seen;     /* and of marks */
    ngx_uint_t                       mask;
    uint64_t                         secret[2];        /* of this zone */

    ngx_queue_t                      queue;    /* last used first */
    ngx_atomic_t                     pinned;   /* bytes of such entries */
    ngx_http_qasino_cache_full_t     full;

    ngx_http_qasino_cache_user_t     users[NGX_MAX_PROCESSES];
} ngx_http_qasino_cache_sh_t;


typedef struct {
    ngx_slab_pool_t                 *shpool;
    ngx_shm_zone_t                  *shm_zone;
} ngx_http_qasino_cache_t;


/* what a new entry may put out, so that the mutex is not held for long */

typedef struct {
    uint64_t                         generation;
    uint64_t                         static_version;
    ngx_uint_t                       tries;
    unsigned                         valid:1;          /* valid ones, too */
} ngx_http_qasino_cache_evict_t;


/* memory for an entry that is none yet */

typedef struct {
    ngx_http_qasino_cache_entry_t   *entry;
    size_t                           size;     /* of its first data */
    ngx_http_qasino_cache_block_t   *next;
} ngx_http_qasino_cache_room_t;


#define NGX_HTTP_QASINO_CACHE_HEAD                                            \
    (offsetof(ngx_http_qasino_cache_entry_t, first)                           \
     + offsetof(ngx_http_qasino_cache_block_t, data))


/* NULL: the zone is out of use at the moment, and its mutex free */
ngx_http_qasino_cache_sh_t *ngx_http_qasino_cache_lock(
    ngx_http_qasino_cache_t *cache);
void ngx_http_qasino_cache_unlock(ngx_http_qasino_cache_t *cache,
    ngx_http_qasino_cache_sh_t *sh);

/* without the mutex, too; the tables may be just beginning empty */
ngx_uint_t ngx_http_qasino_cache_lacks(ngx_http_qasino_cache_sh_t *sh,
    u_char *hash);
ngx_uint_t ngx_http_qasino_cache_seen(ngx_http_qasino_cache_sh_t *sh,
    u_char *hash);
ngx_uint_t ngx_http_qasino_cache_is_full(ngx_http_qasino_cache_sh_t *sh,
    size_t size, ngx_http_qasino_cache_evict_t *evict);

ngx_http_qasino_cache_entry_t **ngx_http_qasino_cache_search(
    ngx_http_qasino_cache_sh_t *sh, u_char *hash);
ngx_int_t ngx_http_qasino_cache_take_room(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, size_t rest,
    ngx_http_qasino_cache_evict_t *evict, ngx_http_qasino_cache_room_t *room);
void ngx_http_qasino_cache_give_back(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, ngx_http_qasino_cache_entry_t *entry,
    ngx_http_qasino_cache_block_t *block);
void ngx_http_qasino_cache_remove(ngx_slab_pool_t *shpool,
    ngx_http_qasino_cache_sh_t *sh, ngx_http_qasino_cache_entry_t *entry);


#endif /* _NGX_HTTP_QASINO_CACHE_H_INCLUDED_ */
