#ifndef LISTEN_PORTS_H
#define LISTEN_PORTS_H

/*
 * The TCP ports that the server will listen on, checked and, where the
 * option is 0, chosen before anything is started.
 *
 * The launcher keeps every port bound, but does not listen: so no outgoing
 * connection of another program is given the number while a child that
 * listens on it is being started again, and the children (which all set
 * SO_REUSEADDR) can bind it all the same.  Those of the ZeroMQ bridge, which
 * it cannot pass on to another as nginx can, are given to it instead.
 */

#include "qsn_settings.h"

#define LISTEN_PORTS_MAX  10            /* five options, two families */

typedef struct {
    int fds[LISTEN_PORTS_MAX];
    int count;
} listen_ports_t;

/*
 * Binds all ports of settings and writes the numbers it chose into them.
 * A port that is in use is tried again for patience_ms.  Returns 0, or -1
 * and a sentence in error that names port and option.
 */
int listen_ports_reserve(listen_ports_t *ports, qsn_settings_t *settings,
    int patience_ms, char *error);

void listen_ports_release(listen_ports_t *ports);

/* The descriptor of a port that was reserved, its IPv4 one; -1: it was not. */
int listen_ports_find(const listen_ports_t *ports, int64_t port);

/* Whether this host lets us listen on IPv6 addresses. */
int listen_ports_ipv6(void);

/* Whether something accepts connections on the port, on 127.0.0.1. */
int listen_ports_accepting(int64_t port);

#endif
