#ifndef QSN_HASH_H
#define QSN_HASH_H

/* FNV-1a, for tables in memory.  It has no secret: whoever chooses the keys
   can make them collide. */

#include <stddef.h>
#include <stdint.h>

#define QSN_HASH_START  0xcbf29ce484222325u

static inline uint64_t
qsn_hash_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * 0x100000001b3u;
}


static inline uint64_t
qsn_hash(const void *data, size_t length)
{
    const unsigned char *p = data;
    uint64_t hash = QSN_HASH_START;

    for (size_t i = 0; i < length; i++) {
        hash = qsn_hash_byte(hash, p[i]);
    }

    return hash;
}

#endif
