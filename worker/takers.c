/*
 * What part of a core each client takes, as an average that loses half of
 * itself every HALF_MS.  Too much is PART of all lanes, which is noticed soon:
 * until then everybody else waits.  It takes much less beside them, so it has
 * to come down far before it is let back, and slowly, or it would be there
 * again and again.
 */

#include "takers.h"

#include <math.h>
#include <stdlib.h>

#define SLOTS      256          /* a power of two */
#define HALF_MS    250
#define GREEDY_MS  1000         /* the same, of one that takes too much */
#define OTHERS_MS  2000         /* who has asked since then is there */
#define PART       0.15         /* of the lanes */
#define LET_BACK   0.1          /* of that */

typedef struct {
    uint64_t client;
    double part;                /* of a core, at ->ms */
    uint64_t ms;
    int greedy;
} slot_t;

typedef struct {
    uint64_t client;
    uint64_t ms;
} asker_t;

struct takers_s {
    double limit;               /* part of a core */
    asker_t askers[2];          /* the last two that differ, the last first */
    slot_t slots[SLOTS];
};

static slot_t *slot_of(takers_t *takers, uint64_t client, uint64_t now_ms);
static double half_ms(const slot_t *slot);
static int others_ask(const takers_t *takers, uint64_t client,
    uint64_t now_ms);


takers_t *
takers_create(size_t lanes)
{
    takers_t *takers = calloc(1, sizeof(*takers));

    if (takers) {
        takers->limit = PART * (double) lanes;
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

    slot->part += (double) us * M_LN2 / (1000 * half_ms(slot));
}


int
takers_is_greedy(takers_t *takers, uint64_t client, uint64_t now_ms)
{
    slot_t *slot = slot_of(takers, client, now_ms);

    slot->greedy = slot->part >= takers->limit * (slot->greedy ? LET_BACK : 1)
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
        slot->part *= exp2(-(double) (now_ms - slot->ms) / half_ms(slot));
        slot->ms = now_ms;
    }

    return slot;
}


static double
half_ms(const slot_t *slot)
{
    return slot->greedy ? GREEDY_MS : HALF_MS;
}


static int
others_ask(const takers_t *takers, uint64_t client, uint64_t now_ms)
{
    const asker_t *other = &takers->askers[takers->askers[0].client
                                           == client];

    return other->ms && now_ms - other->ms < OTHERS_MS;
}
