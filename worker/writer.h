#ifndef WRITER_H
#define WRITER_H

/*
 * The writer: a thread that alone has the generation being collected.  All
 * publishes that wait in its mailbox go in in one transaction, and only
 * after its commit are they put into the loop's to be acknowledged.  What
 * else is done to the generation (its rotation) is a job in the same mailbox,
 * and so has its place among the publishes.  A copy of it (write_copy.h) is
 * made between those jobs; until it is done the mailbox is not idle.
 *
 * Threads: the loop's while the thread does not run yet or any more, and
 * while its mailbox is idle, into which only the loop puts; else the writer's,
 * but for the mailbox.
 */

#include "budget.h"
#include "carry.h"
#include "generation.h"
#include "mailbox.h"
#include "stats.h"

typedef struct write_copy_s write_copy_t;

typedef struct {
    mailbox_thread_t thread;
    mailbox_t *answers;         /* the loop's */
    budget_t budget;
    generation_t *generation;   /* being collected; NULL: ->refusing */
    uint64_t number;            /* its number */
    uint64_t sealed;            /* that of the one before, carried from */
    char refusing[STORE_ERROR_SIZE];    /* why publishes are; "": they aren't */
    carry_t *carry;             /* into it, NULL: all is */
    uint64_t carry_from_ms;     /* monotonic: not begun before when idle */
    int carry_waits;            /* for room: not tried when idle */
    int failed_here;            /* on the loop: to be rolled back */
    int had_trouble;            /* the last group was not written as one */
    stats_t stats;              /* of publishes into it that got here */
    write_copy_t *copy;         /* is being made, write_copy.h; NULL: none */
    uint64_t copied;            /* generation of the last copy, 0: none */
    sqlite3_int64 copied_changes;       /* it had then */
    uint64_t copy_from_ms;      /* monotonic: of it, no other before */
} writer_t;

/* Starts the thread; writer->generation is open.  0 or a libuv error. */
int writer_start(writer_t *writer, mailbox_t *answers);

/* Ends the thread when it has done what waits. */
void writer_stop(writer_t *writer);

/* On the loop: writes the publishes if the thread sleeps and they are quick.
   0: done, each exchange knows its result; -1: they are for the thread. */
int writer_write_here(writer_t *writer, const job_list_t *publishes);

/* On the thread: carries all that is left, 0, or -1 with the reason in error
   (GENERATION_ERROR_SIZE): what could not be carried is tried again. */
int writer_carry_rest(writer_t *writer, char *error);

/* Likewise some of it: ->carry is not NULL. */
int writer_carry_some(writer_t *writer, char *error);

/* On the thread: undoes the transaction that is open, if one is. */
void writer_rollback(writer_t *writer);

#endif
