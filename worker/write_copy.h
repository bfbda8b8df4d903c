#ifndef WRITE_COPY_H
#define WRITE_COPY_H

/*
 * The writer's side of a copy for use_write_db: SQLite's online backup of the
 * generation being collected, a few pages at a time between the publishes.
 *
 * What is committed meanwhile through the writer's connection SQLite puts
 * into both files, so a copy has all that was committed before its last step,
 * and nothing else.  What persists is carried first.
 *
 * A publish waits for one step at most: 2 ms, and as many pages as have just
 * been written.  Those who publish have half of the writer's time at least.
 *
 * Threads: the writer's, from its beginning to its end.
 */

#include "writer.h"

/* Names of copies; left-overs are removed at start-up. */
#define WRITE_COPY_PREFIX  "qasino_write_snapshot_"

enum write_copy_end {
    WRITE_COPY_MADE,            /* ->path is there, and to be sealed */
    WRITE_COPY_SAME,            /* the last one is still right */
    WRITE_COPY_RESTS,           /* not before ->rest_ms */
    WRITE_COPY_OVER,            /* its generation is, or the server */
    WRITE_COPY_FAILED           /* says ->error */
};

struct write_copy_s {
    job_t job;                  /* for the writer */
    void (*done)(job_t *job);   /* then, on the loop */
    writer_t *writer;
    int have_last;              /* the last one is still there */

    enum write_copy_end end;
    char *path;                 /* to be removed unless it was made; or NULL */
    uint64_t number;            /* of the generation, as copied, */
    stats_t stats;              /* and the writer's, */
    uint64_t rest_ms;
    char error[GENERATION_ERROR_SIZE];

    sqlite3 *db;                /* the copy's; the writer's until the end */
    sqlite3_backup *backup;
    int pages;                  /* of the generation, last time, */
    int copied;                 /* and of the copy */
    uint64_t worked_ns;         /* when the last job was done */
    uint64_t stepped_ns;        /* when the last step was */
    uint64_t spent_ns;          /* on steps */
};

/* copy is all zeroes but for ->done, ->writer and ->have_last.  Its job is
   done, and so copy somebody else's, when it has ended. */
void write_copy_init(write_copy_t *copy);

/* One step, while writer->copy is there; busy: a job has been done since the
   last one. */
void write_copy_step(writer_t *writer, int busy);

/* The copy, if there is one, is over. */
void write_copy_stop(writer_t *writer);

#endif
