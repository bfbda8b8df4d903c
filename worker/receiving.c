/* The bodies are in a row: those that came on last are at its end. */

#include "receiving.h"

#include "parse.h"

#define STALL_MS     5000       /* in which a body should come on by */
#define STALL_BYTES  (256 * 1024)

static int make_room(exchange_t *exchange, size_t length);
static int is_too_much(const exchange_t *exchange, size_t length);
static size_t *of_client(const exchange_t *exchange);
static void put_last(exchange_t *exchange);


int
receiving_add(exchange_t *exchange, size_t length)
{
    receiving_t *all = &exchange->worker->receiving;

    if (exchange->body_bytes > PARSE_HERE_MAX
        && make_room(exchange, length) != 0)
    {
        return -1;
    }

    exchange->receiving += length;
    exchange->came_on += length;
    all->bytes += length;
    *of_client(exchange) += length;

    if (exchange->came_on_ms == 0 || exchange->came_on >= STALL_BYTES) {
        put_last(exchange);
    }

    return 0;
}


void
receiving_end(exchange_t *exchange)
{
    receiving_t *all = &exchange->worker->receiving;

    if (exchange->came_on_ms == 0) {
        return;                 /* not in the row */
    }

    if (exchange->before) {
        exchange->before->behind = exchange->behind;
    } else {
        all->first = exchange->behind;
    }

    if (exchange->behind) {
        exchange->behind->before = exchange->before;
    } else {
        all->last = exchange->before;
    }

    exchange->came_on_ms = 0;
}


void
receiving_forget(exchange_t *exchange)
{
    receiving_end(exchange);
    exchange->worker->receiving.bytes -= exchange->receiving;
    *of_client(exchange) -= exchange->receiving;
    exchange->receiving = 0;
}


/* One body is never too many. */
size_t
receiving_max(const worker_t *worker)
{
    int64_t limit = worker->settings.publish_memory;
    int64_t body = worker->settings.max_body;

    return (size_t) (limit > body ? limit : body);
}


static int
make_room(exchange_t *exchange, size_t length)
{
    const worker_t *worker = exchange->worker;
    uint64_t now = uv_now(&worker->loop);
    exchange_t *late = worker->receiving.first;

    while (is_too_much(exchange, length)) {
        if (late == NULL || now - late->came_on_ms < STALL_MS) {
            return -1;
        }

        exchange_t *next = late->behind;

        if (late != exchange) {
            exchange_crowd_out(late);
        }

        late = next;
    }

    return 0;
}


static int
is_too_much(const exchange_t *exchange, size_t length)
{
    const worker_t *worker = exchange->worker;
    size_t limit = receiving_max(worker);

    return *of_client(exchange) + length > limit
           || worker->receiving.bytes + length
              > limit + (size_t) worker->settings.publish_memory;
}


/* Several may share one. */
static size_t *
of_client(const exchange_t *exchange)
{
    return &exchange->worker->receiving.of[exchange->query.client
                                           % RECEIVING_CLIENTS];
}


static void
put_last(exchange_t *exchange)
{
    receiving_t *all = &exchange->worker->receiving;

    receiving_end(exchange);

    exchange->came_on = 0;
    exchange->came_on_ms = uv_now(&exchange->worker->loop);
    exchange->before = all->last;
    exchange->behind = NULL;

    if (all->last) {
        all->last->behind = exchange;
    } else {
        all->first = exchange;
    }

    all->last = exchange;
}
