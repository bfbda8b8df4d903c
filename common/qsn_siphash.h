#ifndef QSN_SIPHASH_H
#define QSN_SIPHASH_H

/*
 * SipHash-1-3 (Aumasson and Bernstein), for tables whose keys strangers
 * choose: who does not know the secret cannot make them collide.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
qsn_siphash_rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}


static inline void
qsn_siphash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = qsn_siphash_rotate(v[1], 13) ^ v[0];
    v[0] = qsn_siphash_rotate(v[0], 32);
    v[2] += v[3];
    v[3] = qsn_siphash_rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = qsn_siphash_rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = qsn_siphash_rotate(v[1], 17) ^ v[2];
    v[2] = qsn_siphash_rotate(v[2], 32);
}


static inline uint64_t
qsn_siphash(const uint64_t secret[2], const void *data, size_t length)
{
    const unsigned char *p = data;
    uint64_t v[4] = {
        secret[0] ^ 0x736f6d6570736575u,
        secret[1] ^ 0x646f72616e646f6du,
        secret[0] ^ 0x6c7967656e657261u,
        secret[1] ^ 0x7465646279746573u
    };
    size_t left = length;
    uint64_t word;

    for ( ;; ) {
        /* the last word ends with the length */
        int last = left < sizeof(word);

        word = last ? (uint64_t) length << 56 : 0;
        memcpy(&word, p, last ? left : sizeof(word));
        v[3] ^= word;
        qsn_siphash_round(v);
        v[0] ^= word;

        if (last) {
            break;
        }

        p += sizeof(word);
        left -= sizeof(word);
    }

    v[2] ^= 0xff;
    qsn_siphash_round(v);
    qsn_siphash_round(v);
    qsn_siphash_round(v);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
