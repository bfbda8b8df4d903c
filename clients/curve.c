/*
 * CURVE as the client's side of it.  Where the server lets in whoever knows
 * its public key, one's own key may be any: it is made for the occasion.
 */

#include "curve.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "qsn_curve.h"


int
curve_secure(void *socket, const connection_options_t *options, char *error)
{
    char server[QSN_CURVE_KEY_SIZE];
    char secret[QSN_CURVE_KEY_SIZE];
    char public[QSN_CURVE_KEY_SIZE];

    if (options->zmq_server_key == NULL) {
        if (options->zmq_key) {
            (void) snprintf(error, CONNECTION_ERROR_SIZE, "--zmq-key needs "
                            "--zmq-server-key");
            return -1;
        }

        return 0;
    }

    if (qsn_curve_read(options->zmq_server_key, server, error,
                       CONNECTION_ERROR_SIZE) != 0
        || (options->zmq_key && qsn_curve_read(options->zmq_key, secret, error,
                                               CONNECTION_ERROR_SIZE) != 0))
    {
        return -1;
    }

    if ((options->zmq_key ? zmq_curve_public(public, secret)
                          : zmq_curve_keypair(public, secret)) != 0
        || zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, sizeof(server))
        || zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, sizeof(public))
        || zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret,
                          sizeof(secret)))
    {
        (void) snprintf(error, CONNECTION_ERROR_SIZE, "cannot use the ZeroMQ "
                        "keys: %s", zmq_strerror(errno));
        return -1;
    }

    return 0;
}
