#ifndef CONNECTION_H
#define CONNECTION_H

/*
 * A client of the frame socket: bytes to frames (incoming.h) and back
 * (outgoing.h).
 */

#include "exchange.h"
#include "handover.h"

#define CONNECTION_OUTPUT_HIGH   (2 * 1024 * 1024)

/* Starts listening: 0 or a libuv error. */
int connection_listen(worker_t *worker);

/* Closes the listener and all connections. */
void connection_close_all(worker_t *worker);

/* Whether no request is being worked on, nor half read. */
int connection_all_quiet(const worker_t *worker);

/* Goes on with a connection of the program before; data is what that had
   read from it and not looked at. */
void connection_adopt(worker_t *worker, const handover_item_t *item,
    const char *data);

/* There is room again for what the connections have to say. */
void connection_balance_all(worker_t *worker);

/* Sends what is queued, and takes what was read if there is room for it. */
void connection_flush_all(worker_t *worker);

/* Queues a frame; args and body may be NULL where their length is 0. */
void connection_send(connection_t *connection, const qsn_frame_t *frame,
    const uint8_t *args, const void *body);

/* Bytes queued and not yet taken by the client. */
size_t connection_backlog(const connection_t *connection);

/* Takes part in, or leaves, the connection's list of requests. */
void connection_add(connection_t *connection, exchange_t *exchange);
void connection_remove(connection_t *connection, exchange_t *exchange);

/* That of this id, or NULL. */
exchange_t *connection_find(connection_t *connection, uint64_t id);

/* From now on events go to this connection under that id. */
void connection_subscribe(connection_t *connection, uint64_t id);

/* Sends an EVENT to all subscribers. */
void connection_event(worker_t *worker, uint64_t generation,
    const char *body, size_t length);

#endif
