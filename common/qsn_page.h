#ifndef QSN_PAGE_H
#define QSN_PAGE_H

/*
 * The generation page: one small file that the worker maps and rewrites at
 * each rotation, and that anyone local may map read-only to know the
 * current generation without a call.  A sequence lock keeps readers from a
 * half-written page: the sequence is odd while the worker writes.
 *
 * Threads: one writer (the worker's loop), any number of readers in any
 * process.  The file keeps its inode over worker restarts, so that a mapping
 * stays good for ever.
 */

#include <stddef.h>
#include <stdint.h>

#define QSN_PAGE_SIZE      4096
#define QSN_PAGE_MAGIC     0x31454741504e5351ull        /* "QSNPAGE1" */
#define QSN_PAGE_VERSION   2
#define QSN_IDENTITY_MAX   255

typedef struct {
    uint64_t generation_number; /* epoch second, 0: none served yet */
    uint64_t start_epoch_us;    /* when it began to be served */
    uint64_t duration_ms;
    uint64_t expires_ms;        /* CLOCK_MONOTONIC of the next rotation */
    uint64_t static_version;    /* goes up with each static publish */
    uint64_t worker_start_id;   /* differs for each start of the worker */
    uint64_t tables;            /* published, static ones too */
    uint64_t rows;              /* in them */
    uint64_t publishers;        /* of this generation */
    char identity[QSN_IDENTITY_MAX + 1];        /* the server's */
    uint64_t frame_types;       /* up to this the worker knows; 0: it was made
                                   before it could say so */
} qsn_page_state_t;

typedef struct qsn_page qsn_page_t;

/*
 * The worker's side: maps path, creating it (mode 0644) if need be.
 * Returns NULL with errno set.
 */
qsn_page_t *qsn_page_create(const char *path);
void qsn_page_publish(qsn_page_t *page, const qsn_page_state_t *state);

/* The readers' side: NULL with errno set where there is no page (yet). */
const qsn_page_t *qsn_page_open(const char *path);

/* 0, or -1 where no whole state could be had: nothing published yet. */
int qsn_page_read(const qsn_page_t *page, qsn_page_state_t *state);

/* For either side. */
void qsn_page_close(const qsn_page_t *page);

#endif
