#ifndef CARRY_H
#define CARRY_H

/*
 * Persisted rows go over from a sealed generation into the one that begins:
 * whole reports by their range of rowids, updates row by row.
 */

#include "generation.h"

/*
 * Does it in a transaction of its own, once: a generation that has its
 * carried rows already (continued after a crash) is left alone.  0, or -1
 * with the reason in error (GENERATION_ERROR_SIZE).
 */
int carry_persisted(generation_t *generation, const char *sealed_path,
    char *error);

#endif
