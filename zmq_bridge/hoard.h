#ifndef HOARD_H
#define HOARD_H

/*
 * What clients have sent of messages that are not whole yet.  libzmq keeps
 * all frames of a message until its last one is there, of whatever number
 * and from however many clients, and tells nobody.  So when the process has
 * grown too large, the client who has sent most since its last message is
 * cut off.
 *
 * Threads: the bridge's loop only.
 */

#include <stddef.h>
#include <stdint.h>

#include "qsn_settings.h"

#define HOARD_LOOK_MS  250

typedef struct {
    size_t all;                 /* bytes that clients may fill together */
    uint64_t *taken;            /* by descriptor: bytes that had come with */
    size_t taken_count;         /* the last message */
    int statm;                  /* -1: nothing is looked at */
    uint64_t look_ms;           /* when it is time again */
} hoard_t;

void hoard_open(hoard_t *hoard, const qsn_settings_t *settings);
void hoard_close(hoard_t *hoard);

/* A message has come, whole, from the client on that descriptor. */
void hoard_taken(hoard_t *hoard, int fd);

/* Whether the process may be too large for so many clients; 0 where it is not
   yet time for another look. */
int hoard_is_too_large(hoard_t *hoard, size_t clients);

/* If it is, without the bytes that are ours. */
void hoard_cut(hoard_t *hoard, size_t clients, size_t ours);

/* Milliseconds until the next look; -1: there is nobody to look at. */
long hoard_timeout(const hoard_t *hoard, size_t clients);

#endif
