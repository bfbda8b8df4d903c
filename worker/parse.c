/*
 * A piece is a job: it carries bytes to its parser and is freed there.  The
 * bytes that wait are counted by the loop as they go and by the parser as
 * they are done; the parser wakes the loop if it waits for room.
 */

#include "parse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"

typedef struct {
    job_t job;
    exchange_t *exchange;
    size_t length;
    size_t size;                /* of memory, with this header */
    char data[];
} piece_t;

struct parser_s {
    mailbox_thread_t thread;
    size_t bodies;              /* it has, as the loop counts */
};

#define PIECE_MAX    (CHUNK_SIZE - sizeof(piece_t))
#define PIECE_SMALL  (32 * 1024)

static void run(void *arg);
static void parse(job_t *job);
static void discard(job_t *job);
static void free_piece(piece_t *piece);
static void finish(job_t *job);
static void give_up(job_t *job);
static void on_parsed(job_t *job);
static void on_given_up(job_t *job);
static void leave(exchange_t *exchange);
static parser_t *choose(worker_t *worker);
static int put_piece(exchange_t *exchange, void (*step)(job_t *job),
    const void *data, size_t length);


/* One core is the writer's, and the loop needs little. */
int
parse_start(worker_t *worker)
{
    size_t cores = uv_available_parallelism();
    size_t count = cores > 2 ? cores - 1 : 1;

    if (count > PARSERS_MAX) {
        count = PARSERS_MAX;
    }

    while (worker->parser_count < count) {
        parser_t *parser = calloc(1, sizeof(*parser));

        if (parser == NULL) {
            return UV_ENOMEM;
        }

        int rc = mailbox_start(&parser->thread, run, parser);

        if (rc != 0) {
            free(parser);
            return rc;
        }

        worker->parsers[worker->parser_count++] = parser;
    }

    return 0;
}


void
parse_stop(worker_t *worker)
{
    for (size_t i = 0; i < worker->parser_count; i++) {
        mailbox_stop(&worker->parsers[i]->thread);
        free(worker->parsers[i]);
    }

    worker->parser_count = 0;
}


int
parse_piece(exchange_t *exchange, const void *data, size_t length)
{
    const char *at = data;

    if (exchange->parser == NULL) {
        exchange->parser = choose(exchange->worker);
        exchange->parser->bodies++;
    }

    while (length) {
        size_t size = length < PIECE_MAX ? length : PIECE_MAX;

        if (put_piece(exchange, parse, at, size) != 0) {
            return -1;
        }

        at += size;
        length -= size;
    }

    return 0;
}


int
parse_discard(exchange_t *exchange)
{
    return put_piece(exchange, discard, NULL, 0);
}


void
parse_end(exchange_t *exchange, int wanted)
{
    exchange->job.run = wanted ? finish : give_up;
    exchange->job.done = wanted ? on_parsed : on_given_up;
    mailbox_put_job(&exchange->parser->thread.inbox, &exchange->job);
}


int
parse_has_room(worker_t *worker)
{
    size_t limit = (size_t) worker->settings.publish_memory;

    if (atomic_load(&worker->unparsed) < limit) {
        return 1;
    }

    /* the parser looks at this after it has counted down: one of us sees
       what the other did */
    atomic_store(&worker->waits_for_parser, 1);

    return atomic_load(&worker->unparsed) < limit;
}


static void
run(void *arg)
{
    parser_t *parser = arg;

    (void) pthread_setname_np(pthread_self(), "qasino-parser");

    while (!parser->thread.stopping) {
        job_t *job = mailbox_take(&parser->thread.inbox, MAILBOX_FOREVER);

        while (job) {
            job_t *next = job->next;

            job->run(job);
            job = next;
        }
    }
}


static void
parse(job_t *job)
{
    piece_t *piece = (piece_t *) job;

    exchange_parse(piece->exchange, piece->data, piece->length);
    free_piece(piece);
}


static void
discard(job_t *job)
{
    piece_t *piece = (piece_t *) job;

    exchange_parse_discard(piece->exchange);
    free_piece(piece);
}


static void
free_piece(piece_t *piece)
{
    worker_t *worker = piece->exchange->worker;
    size_t size = piece->size;

    if (size == CHUNK_SIZE) {
        chunk_put(piece);
    } else {
        free(piece);
    }

    (void) atomic_fetch_sub(&worker->unparsed, size);

    if (atomic_exchange(&worker->waits_for_parser, 0)) {
        (void) uv_async_send(&worker->wake);
    }
}


static void
finish(job_t *job)
{
    exchange_t *exchange = exchange_of(job);

    exchange_parse_end(exchange);
    mailbox_put_job(&exchange->worker->inbox, job);
}


static void
give_up(job_t *job)
{
    mailbox_put_job(&exchange_of(job)->worker->inbox, job);
}


static void
on_parsed(job_t *job)
{
    exchange_t *exchange = exchange_of(job);

    leave(exchange);
    exchange_parsed(exchange);
}


static void
on_given_up(job_t *job)
{
    exchange_t *exchange = exchange_of(job);

    leave(exchange);
    exchange_drop(exchange);
}


/* What its parser did last is heard of when that one is gone. */
static void
leave(exchange_t *exchange)
{
    if (exchange->worker->parser_count) {
        exchange->parser->bodies--;
    }
}


static parser_t *
choose(worker_t *worker)
{
    parser_t *idlest = worker->parsers[0];

    for (size_t i = 1; i < worker->parser_count; i++) {
        if (worker->parsers[i]->bodies < idlest->bodies) {
            idlest = worker->parsers[i];
        }
    }

    return idlest;
}


static int
put_piece(exchange_t *exchange, void (*step)(job_t *job), const void *data,
    size_t length)
{
    size_t size = sizeof(piece_t) + length;
    piece_t *piece;

    if (size > PIECE_SMALL) {
        size = CHUNK_SIZE;
        piece = chunk_get();
    } else {
        piece = malloc(size);
    }

    if (piece == NULL) {
        return -1;
    }

    piece->job.run = step;
    piece->exchange = exchange;
    piece->size = size;
    piece->length = length;

    if (length) {
        memcpy(piece->data, data, length);
    }

    (void) atomic_fetch_add(&exchange->worker->unparsed, size);
    mailbox_put_job(&exchange->parser->thread.inbox, &piece->job);

    return 0;
}
