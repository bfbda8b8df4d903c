/*
 * The mutex is held while the main thread waits in a write, so the watchdog
 * only tries it: whoever holds it is writing already.
 */

#include "outlet.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "qsn_buf.h"

#define PARTS_MAX  3

struct outlet {
    int fd;
    pthread_mutex_t mutex;      /* for all below */
    qsn_buf_t gathered;
    uint64_t since_ms;          /* when its first byte came */
    int broken;
};

static void write_locked(outlet_t *outlet, struct iovec *parts, int count);


outlet_t *
outlet_create(int fd)
{
    outlet_t *outlet = calloc(1, sizeof(*outlet));

    if (outlet) {
        outlet->fd = fd;
        (void) pthread_mutex_init(&outlet->mutex, NULL);
    }

    return outlet;
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

    if (!more && gathered->length + length <= OUTLET_GATHER_BYTES
        && qsn_buf_reserve(gathered, length))
    {
        if (gathered->length == 0) {
            outlet->since_ms = control_now_ms();
        }

        for (int i = 0; i < count; i++) {
            qsn_buf_append(gathered, parts[i].iov_base, parts[i].iov_len);
        }

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
        && (all || control_now_ms() - outlet->since_ms >= OUTLET_GATHER_MS))
    {
        struct iovec part = { gathered->data, gathered->length };

        write_locked(outlet, &part, 1);
        qsn_buf_clear(gathered);
    }

    (void) pthread_mutex_unlock(&outlet->mutex);
}


int
outlet_nudge(outlet_t *outlet)
{
    qsn_buf_t *gathered = &outlet->gathered;
    int left = 0;

    if (pthread_mutex_trylock(&outlet->mutex) != 0) {
        return 0;
    }

    if (gathered->length) {
        ssize_t n = send(outlet->fd, gathered->data, gathered->length,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        qsn_buf_consume(gathered, n > 0 ? (size_t) n : 0);
        left = gathered->length > 0;
    }

    (void) pthread_mutex_unlock(&outlet->mutex);

    return left;
}


int
outlet_broken(const outlet_t *outlet)
{
    return outlet->broken;
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
