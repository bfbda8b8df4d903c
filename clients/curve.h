#ifndef CURVE_H
#define CURVE_H

#include "connection.h"

/* Encrypts a ZeroMQ socket as the options say, before it connects.  0, or -1
   with a sentence in error (CONNECTION_ERROR_SIZE). */
int curve_secure(void *socket, const connection_options_t *options,
    char *error);

#endif
