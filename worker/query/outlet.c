/*
 * The mutex is held while the main thread or the loader waits in a write, so
 * the watchdog only tries it: whoever holds it is writing already.
 */

#include "outlet.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "qsn_buf.h"

#define PARTS_MAX  3

struct outlet {
    int fd;
    int waits;
    pthread_mutex_t mutex;      /* for all below */
    qsn_buf_t gathered;
    uint64_t since_us;          /* when its first byte came */

    atomic_int broken;          /* looked at without it */
};

static void gather_locked(outlet_t *outlet, const struct iovec *parts,
    int count);
static void write_locked(outlet_t *outlet, struct iovec *parts, int count);
static void send_locked(outlet_t *outlet);


outlet_t *
outlet_create(int fd, int waits)
{
    outlet_t *outlet = calloc(1, sizeof(*outlet));

    if (outlet) {
        outlet->fd = fd;
        outlet->waits = waits;
        (void) pthread_mutex_init(&outlet->mutex, NULL);
    }

    return outlet;
}


void
outlet_destroy(outlet_t *outlet)
{
    (void) pthread_mutex_destroy(&outlet->mutex);
    qsn_buf_free(&outlet->gathered);
    free(outlet);
}


void
outlet_put(outlet_t *outlet, struct iovec *parts, int count, int more)
{
    struct iovec all[PARTS_MAX + 1];
    qsn_buf_t *gathered = &outlet->gathered;
    size_t length = 0;

    for (int i = 0; i < count; i++) {
        length += parts[i].iov_len;
    }

    (void) pthread_mutex_lock(&outlet->mutex);

    if (!outlet->waits) {
        if (gathered->length + length > OUTLET_HOLD_BYTES
            || qsn_buf_reserve(gathered, length) == NULL)
        {
            outlet->broken = 1;
        } else {
            gather_locked(outlet, parts, count);
        }

    } else if (!more && gathered->length + length <= OUTLET_GATHER_BYTES
               && qsn_buf_reserve(gathered, length))
    {
        gather_locked(outlet, parts, count);

    } else {
        all[0] = (struct iovec) { gathered->data, gathered->length };
        memcpy(all + 1, parts, (size_t) count * sizeof(*parts));
        write_locked(outlet, all, count + 1);
        qsn_buf_clear(gathered);
    }

    (void) pthread_mutex_unlock(&outlet->mutex);
}


void
outlet_flush(outlet_t *outlet, int all)
{
    qsn_buf_t *gathered = &outlet->gathered;

    (void) pthread_mutex_lock(&outlet->mutex);

    if (gathered->length
        && (all || control_now_us() - outlet->since_us
                   >= (outlet->waits ? OUTLET_GATHER_US : OUTLET_PEER_US)))
    {
        struct iovec part = { gathered->data, gathered->length };

        if (outlet->waits) {
            write_locked(outlet, &part, 1);
            qsn_buf_clear(gathered);
        } else {
            send_locked(outlet);
        }
    }

    (void) pthread_mutex_unlock(&outlet->mutex);
}


int
outlet_nudge(outlet_t *outlet)
{
    qsn_buf_t *gathered = &outlet->gathered;
    int left;

    if (pthread_mutex_trylock(&outlet->mutex) != 0) {
        return 0;
    }

    send_locked(outlet);
    left = gathered->length > 0 && !outlet->broken;
    (void) pthread_mutex_unlock(&outlet->mutex);

    return left;
}


int
outlet_holds(const outlet_t *outlet)
{
    return outlet->gathered.length > 0;
}


int
outlet_broken(const outlet_t *outlet)
{
    return outlet->broken;
}


static void
gather_locked(outlet_t *outlet, const struct iovec *parts, int count)
{
    if (outlet->gathered.length == 0) {
        outlet->since_us = control_now_us();
    }

    for (int i = 0; i < count; i++) {
        qsn_buf_append(&outlet->gathered, parts[i].iov_base,
                       parts[i].iov_len);
    }
}


/* As much as is taken at once. */
static void
send_locked(outlet_t *outlet)
{
    qsn_buf_t *gathered = &outlet->gathered;

    if (gathered->length == 0 || outlet->broken) {
        return;
    }

    ssize_t n = send(outlet->fd, gathered->data, gathered->length,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0) {
        qsn_buf_consume(gathered, (size_t) n);
    } else {
        outlet->broken = errno != EAGAIN && errno != EINTR;
    }
}


/* Waits until all is written. */
static void
write_locked(outlet_t *outlet, struct iovec *parts, int count)
{
    while (count > 0 && !outlet->broken) {
        ssize_t n = writev(outlet->fd, parts, count);

        if (n == -1) {
            outlet->broken = errno != EINTR;
            continue;
        }

        for (size_t sent = (size_t) n; count > 0; /* void */) {
            if (sent < parts->iov_len) {
                parts->iov_base = (char *) parts->iov_base + sent;
                parts->iov_len -= sent;
                break;
            }

            sent -= parts->iov_len;
            parts++;
            count--;
        }
    }
}
