/*
 * libzmq asks inproc://zeromq.zap.01 about each client that connects: one
 * message of seven frames, the last the client's public key, answered by one
 * of six (RFC 27).  What the answer calls user id comes back with every
 * message of that client: here it is the identity it publishes as.
 */

#include "curve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "qsn_curve.h"
#include "qsn_log.h"
#include "qsn_page.h"

#define ZAP_ENDPOINT  "inproc://zeromq.zap.01"
#define ZAP_DOMAIN    "qasino"
#define ZAP_FRAMES    7
#define KEY_BYTES     32

struct curve_s {
    char secret[QSN_CURVE_KEY_SIZE];
    const char *clients;        /* the file, NULL: anyone */
    void *socket;               /* the handler's */
    pthread_t thread;
};

static void *handle(void *arg);
static int receive(void *socket, zmq_msg_t *frames);
static void reply(void *socket, zmq_msg_t *request_id, const char *code,
    const char *text, const char *user);
static int find_client(const char *path, const char *key, char *identity);
static int write_key(const char *path, const char *key, mode_t mode);


int
curve_open(curve_t **curve, void *context, const qsn_settings_t *settings)
{
    char error[QSN_SETTINGS_ERROR_SIZE];
    curve_t *own;

    *curve = NULL;

    if (settings->zmq_key_file == NULL) {
        return 0;
    }

    own = calloc(1, sizeof(*own));

    if (own == NULL
        || qsn_curve_read(settings->zmq_key_file, own->secret, error,
                          sizeof(error)) != 0)
    {
        qsn_log("%s", own ? error : "out of memory");
        free(own);
        return -1;
    }

    own->clients = settings->zmq_clients_file;
    own->socket = zmq_socket(context, ZMQ_REP);

    if (own->socket == NULL || zmq_bind(own->socket, ZAP_ENDPOINT) != 0
        || pthread_create(&own->thread, NULL, handle, own) != 0)
    {
        qsn_log("cannot handle connections of ZeroMQ clients: %s",
                zmq_strerror(errno));

        if (own->socket) {
            (void) zmq_close(own->socket);
        }

        free(own);
        return -1;
    }

    *curve = own;

    return 0;
}


int
curve_apply(const curve_t *curve, void *socket)
{
    int on = 1;

    if (curve == NULL) {
        return 0;
    }

    return zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof(on)) == 0
           && zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, curve->secret,
                             sizeof(curve->secret)) == 0
           && zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN,
                             sizeof(ZAP_DOMAIN) - 1) == 0 ? 0 : -1;
}


void
curve_close(curve_t *curve)
{
    if (curve) {
        (void) pthread_join(curve->thread, NULL);
        free(curve);
    }
}


int
curve_make_key(const char *path)
{
    char public[QSN_CURVE_KEY_SIZE];
    char secret[QSN_CURVE_KEY_SIZE];
    char *name = NULL;
    int rc = -1;

    if (zmq_curve_keypair(public, secret) != 0
        || asprintf(&name, "%s.pub", path) == -1)
    {
        (void) fprintf(stderr, "cannot make a key: %s\n",
                       zmq_strerror(errno));
        return -1;
    }

    if (write_key(path, secret, 0600) == 0
        && write_key(name, public, 0644) == 0)
    {
        (void) printf("%s: keep it secret\n%s: %s\n", path, name, public);
        rc = 0;
    }

    free(name);

    return rc;
}


/* Until the context is shut down. */
static void *
handle(void *arg)
{
    curve_t *curve = arg;
    zmq_msg_t frames[ZAP_FRAMES];
    int count;

    while ((count = receive(curve->socket, frames)) != -1) {
        char key[QSN_CURVE_KEY_SIZE] = "";
        char identity[QSN_IDENTITY_MAX + 1] = "";
        int good = count == ZAP_FRAMES
                   && zmq_msg_size(&frames[6]) == KEY_BYTES
                   && zmq_z85_encode(key, zmq_msg_data(&frames[6]), KEY_BYTES)
                   && (curve->clients == NULL
                       || find_client(curve->clients, key, identity) == 0);

        if (count == ZAP_FRAMES) {
            if (!good) {
                qsn_log("a ZeroMQ client from %.*s may not connect "
                        "(zmq_clients_file): key %s",
                        (int) zmq_msg_size(&frames[3]),
                        (const char *) zmq_msg_data(&frames[3]), key);
            }

            reply(curve->socket, &frames[1], good ? "200" : "400",
                  good ? "OK" : "unknown key", identity);
        } else {
            reply(curve->socket, NULL, "500", "not a request", "");
        }

        for (int i = 0; i < count && i < ZAP_FRAMES; i++) {
            (void) zmq_msg_close(&frames[i]);
        }
    }

    (void) zmq_close(curve->socket);

    return NULL;
}


/* How many frames it had, of which the first seven are kept; -1: the end. */
static int
receive(void *socket, zmq_msg_t *frames)
{
    int count = 0;
    int more = 1;

    while (more) {
        zmq_msg_t frame;

        (void) zmq_msg_init(&frame);

        if (zmq_msg_recv(&frame, socket, 0) == -1) {
            (void) zmq_msg_close(&frame);

            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        more = zmq_msg_more(&frame);

        if (count < ZAP_FRAMES) {
            (void) zmq_msg_init(&frames[count]);
            (void) zmq_msg_move(&frames[count], &frame);
        }

        (void) zmq_msg_close(&frame);
        count++;
    }

    return count;
}


static void
reply(void *socket, zmq_msg_t *request_id, const char *code,
    const char *text, const char *user)
{
    (void) zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    (void) zmq_send(socket, request_id ? zmq_msg_data(request_id) : "",
                    request_id ? zmq_msg_size(request_id) : 0, ZMQ_SNDMORE);
    (void) zmq_send(socket, code, strlen(code), ZMQ_SNDMORE);
    (void) zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    (void) zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
    (void) zmq_send(socket, "", 0, 0);
}


/* "KEY" or "KEY identity".  Without the file nobody may. */
static int
find_client(const char *path, const char *key, char *identity)
{
    FILE *file = fopen(path, "re");
    char line[QSN_CURVE_KEY_SIZE + QSN_IDENTITY_MAX + 16];
    int found = 0;

    if (file == NULL) {
        qsn_log("cannot read zmq_clients_file %s: %s", path, strerror(errno));
        return -1;
    }

    while (!found && fgets(line, sizeof(line), file)) {
        size_t length = strcspn(line, " \t\r\n");
        char *name = line + length + strspn(line + length, " \t");

        if (length == QSN_CURVE_KEY_SIZE - 1
            && memcmp(line, key, length) == 0)
        {
            found = 1;
            name[strcspn(name, "\r\n")] = '\0';
            (void) snprintf(identity, QSN_IDENTITY_MAX + 1, "%s", name);
        }
    }

    (void) fclose(file);

    return found ? 0 : -1;
}


static int
write_key(const char *path, const char *key, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *file = fd == -1 ? NULL : fdopen(fd, "w");

    if (file == NULL || fchmod(fd, mode) == -1
        || fprintf(file, "%s\n", key) < 0 || fclose(file) != 0)
    {
        (void) fprintf(stderr, "cannot write %s: %s\n", path,
                       strerror(errno));
        return -1;
    }

    return 0;
}
