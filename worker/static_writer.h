#ifndef STATIC_WRITER_H
#define STATIC_WRITER_H

/*
 * The thread that writes static tables: its commits wait for a disk, and
 * nobody else should.  What waits in its mailbox goes in in one commit.
 *
 * Threads: the loop's while the thread does not run, else its own, but for
 * the mailbox and what static_store.h says of others.
 */

#include "mailbox.h"
#include "static_store.h"

typedef struct {
    mailbox_thread_t thread;
    mailbox_t *answers;         /* the loop's */
    static_store_t *statics;
} static_writer_t;

/* Starts the thread on an open store.  0 or a libuv error. */
int static_writer_start(static_writer_t *writer, static_store_t *statics,
    mailbox_t *answers);

/* Ends the thread when it has written what waits. */
void static_writer_stop(static_writer_t *writer);

#endif
