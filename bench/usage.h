#ifndef USAGE_H
#define USAGE_H

/*
 * What the server uses while a fleet is at it, and what the fleet itself
 * does: processor time by generation, the most memory.
 */

#include <stdint.h>
#include <sys/types.h>

#define USAGE_DIRECTORIES  4

typedef struct {
    pid_t server_pid;
    const char *directories[USAGE_DIRECTORIES];     /* of its files */
    unsigned directory_count;

    uint64_t wall_us;           /* of all generations that were counted */
    uint64_t server_ms;
    uint64_t generator_ms;
    double share_min;           /* of one core, the server in one of them */
    double share_max;

    uint64_t private_kib;       /* what follows: the most that was seen */
    uint64_t worker_kib;
    uint64_t query_kib;
    uint64_t nginx_kib;
    uint64_t bridge_kib;
    uint64_t files_kib;
} usage_t;

/* A generation ends here, and the next begins; the first call only begins. */
void usage_generation(usage_t *usage);

/* Looks at the memory. */
void usage_look(usage_t *usage);

#endif
