#ifndef TCP_H
#define TCP_H

/* Sockets of the load generators: IPv4, never blocking, without Nagle. */

#include <netinet/in.h>

/* 127.0.0.1 for NULL; exits where address is none. */
struct sockaddr_in tcp_address(const char *address, unsigned port);

/* Begins to connect; from may be NULL.  The descriptor, or -1 with errno. */
int tcp_open(const struct sockaddr_in *to, const struct sockaddr_in *from);

#endif
