/*
 * A sum of each client, which loses half of itself every HALF_MS: one that
 * takes a part p of a core comes to p * HALF_MS / ln 2.  Too much is a
 * quarter of all lanes; what it takes beside them is much less, so it has to
 * come down far before it is let back, or it would be again and again.
 */

#include "takers.h"

#include <math.h>
#include <stdlib.h>

#define SLOTS      256          /* a power of two */
#define HALF_MS    1000
#define OTHERS_MS  2000         /* who has asked since then is there */
#define PART       0.25         /* of the lanes */
#define LET_BACK   0.05         /* of that */

typedef struct {
    uint64_t client;
    double us;                  /* at ->ms */
    uint64_t ms;
    int greedy;
} slot_t;

typedef struct {
    uint64_t client;
    uint64_t ms;
} asker_t;

struct takers_s {
    double limit_us;
    asker_t askers[2];          /* the last two that differ, the last first */
    slot_t slots[SLOTS];
};

static slot_t *slot_of(takers_t *takers, uint64_t client, uint64_t now_ms);
static int others_ask(const takers_t *takers, uint64_t client,
    uint64_t now_ms);


takers_t *
takers_create(size_t lanes)
{
    takers_t *takers = calloc(1, sizeof(*takers));

    if (takers) {
        takers->limit_us = PART * (double) lanes * HALF_MS * 1000 / M_LN2;
    }

    return takers;
}


void
takers_destroy(takers_t *takers)
{
    free(takers);
}


void
takers_ask(takers_t *takers, uint64_t client, uint64_t now_ms)
{
    if (takers->askers[0].client != client) {
        takers->askers[1] = takers->askers[0];
        takers->askers[0].client = client;
    }

    takers->askers[0].ms = now_ms;
}


void
takers_add(takers_t *takers, uint64_t client, uint64_t us, uint64_t now_ms)
{
    slot_t *slot = slot_of(takers, client, now_ms);

    slot->us += (double) us;
}


int
takers_is_greedy(takers_t *takers, uint64_t client, uint64_t now_ms)
{
    slot_t *slot = slot_of(takers, client, now_ms);

    slot->greedy = slot->us >= takers->limit_us * (slot->greedy ? LET_BACK
                                                                : 1)
                   && others_ask(takers, client, now_ms);

    return slot->greedy;
}


static slot_t *
slot_of(takers_t *takers, uint64_t client, uint64_t now_ms)
{
    slot_t *slot = &takers->slots[client % SLOTS];

    if (slot->client != client) {
        *slot = (slot_t) { .client = client, .ms = now_ms };

    } else if (slot->ms != now_ms) {
        slot->us *= exp2(-(double) (now_ms - slot->ms) / HALF_MS);
        slot->ms = now_ms;
    }

    return slot;
}


static int
others_ask(const takers_t *takers, uint64_t client, uint64_t now_ms)
{
    const asker_t *other = &takers->askers[takers->askers[0].client
                                           == client];

    return other->ms && now_ms - other->ms < OTHERS_MS;
}
