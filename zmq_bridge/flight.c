/*
 * The table of requests in flight.  Slots are allocated as they are first
 * needed and the last one freed is used first; the id in each frame leads to
 * its slot without a search.
 */

#include "flight.h"

#include <stdlib.h>
#include <string.h>

#include "qsn_op.h"

#define NOBODY          SIZE_MAX
#define FIRST_SLOTS     64
#define FAILURE_MAX     4096    /* bytes of a reason that we pass on */

typedef struct {
    flight_request_t request;
    size_t next;                /* of the free list */
    int taken;
} slot_t;

struct flight {
    slot_t **slots;             /* pointers, so that requests stay put */
    size_t slots_made;
    size_t slots_room;
    size_t free;                /* first free slot or NOBODY */
    size_t scan;                /* where flight_any() looked last */
    size_t in_flight;
    size_t of_client[ENVELOPE_CLIENTS];
    size_t max_in_flight;
    size_t share;               /* of one client, at most */
    size_t max_reply;
    uint32_t serial;

    /* the frame that is arriving */
    flight_request_t *current;
    uint16_t flags;
    qsn_buf_t *target;          /* where its body goes, NULL: nowhere */

    const char *error;
};

static slot_t *make_slot(flight_t *flight);
static slot_t *find_slot(const flight_t *flight, uint64_t id);
static enum flight_result broken(flight_t *flight, const char *error);
static enum flight_result give_up(flight_t *flight, int no_memory);


flight_t *
flight_create(size_t max_in_flight, size_t max_reply)
{
    flight_t *flight = calloc(1, sizeof(*flight));

    if (flight) {
        flight->share = (max_in_flight + 1) / 2;
        flight->free = NOBODY;
        flight->max_in_flight = max_in_flight;
        flight->max_reply = max_reply;
    }

    return flight;
}


void
flight_destroy(flight_t *flight)
{
    flight_request_t *request;

    if (flight == NULL) {
        return;
    }

    while ((request = flight_any(flight)) != NULL) {
        flight_remove(flight, request);
    }

    for (size_t i = 0; i < flight->slots_made; i++) {
        free(flight->slots[i]);
    }

    free(flight->slots);
    free(flight);
}


int
flight_is_full(const flight_t *flight)
{
    return flight->in_flight >= flight->max_in_flight;
}


int
flight_is_empty(const flight_t *flight)
{
    return flight->in_flight == 0;
}


size_t
flight_bytes(const flight_t *flight)
{
    size_t bytes = 0;

    for (size_t i = 0; i < flight->slots_made; i++) {
        bytes += flight->slots[i]->request.reply.capacity;
    }

    return bytes;
}


int
flight_has_enough(const flight_t *flight, const envelope_t *envelope)
{
    return flight->of_client[envelope->client] >= flight->share;
}


flight_request_t *
flight_add(flight_t *flight, envelope_t *envelope)
{
    if (flight_is_full(flight)) {
        return NULL;
    }

    slot_t *slot = flight->free == NOBODY ? make_slot(flight)
                                          : flight->slots[flight->free];
    if (slot == NULL) {
        return NULL;
    }

    size_t number = flight->free;

    flight->free = slot->next;
    flight->of_client[envelope->client]++;
    slot->taken = 1;
    slot->request.id = (uint64_t) ++flight->serial << 32 | number;
    slot->request.envelope = *envelope;
    memset(envelope, 0, sizeof(*envelope));
    flight->in_flight++;

    return &slot->request;
}


void
flight_remove(flight_t *flight, flight_request_t *request)
{
    size_t number = (size_t) (request->id & UINT32_MAX);
    slot_t *slot = flight->slots[number];

    if (flight->current == request) {
        flight->current = NULL;
        flight->target = NULL;
    }

    flight->of_client[request->envelope.client]--;
    envelope_free(&request->envelope);
    qsn_buf_free(&request->reply);
    qsn_buf_free(&request->failure);
    memset(request, 0, sizeof(*request));

    slot->taken = 0;
    slot->next = flight->free;
    flight->free = number;
    flight->in_flight--;
}


flight_request_t *
flight_any(flight_t *flight)
{
    /* on from the last one found: failing all of them stays linear */
    for (size_t i = 0; flight->in_flight && i < flight->slots_made; i++) {
        size_t number = (flight->scan + i) % flight->slots_made;

        if (flight->slots[number]->taken) {
            flight->scan = number;
            return &flight->slots[number]->request;
        }
    }

    return NULL;
}


enum flight_result
flight_head(flight_t *flight, const qsn_frame_t *frame,
    flight_request_t **request)
{
    slot_t *slot = find_slot(flight, frame->id);

    flight->current = NULL;
    flight->target = NULL;
    flight->flags = frame->flags;

    if (frame->type != QSN_FRAME_RESPONSE && frame->type != QSN_FRAME_DATA) {
        return broken(flight, "a frame that only a client sends");
    }

    if (slot == NULL) {
        return broken(flight, "an answer to a request that nobody made");
    }

    flight_request_t *mine = &slot->request;

    if (mine->begun != (frame->type == QSN_FRAME_DATA)) {
        return broken(flight, mine->begun ? "a second answer to a request"
                                          : "data before its response");
    }

    if ((frame->flags & QSN_FLAG_ABORT) && (frame->flags & QSN_FLAG_MORE)) {
        return broken(flight, "an abort that is not the end");
    }

    *request = flight->current = mine;

    if (!mine->begun) {
        mine->begun = 1;
        mine->split = frame->op == QSN_OP_GET_TABLE_LIST
                      && (frame->flags & QSN_FLAG_MORE)
                      ? (size_t) frame->body_length : 0;
    }

    if (mine->answered) {
        return FLIGHT_ON;       /* given up before: drop what comes */
    }

    if (frame->flags & QSN_FLAG_ABORT) {
        mine->failed = 1;
        flight->target = &mine->failure;
        return FLIGHT_ON;
    }

    if (frame->body_length > flight->max_reply - mine->reply.length) {
        return give_up(flight, 0);
    }

    flight->target = &mine->reply;

    return FLIGHT_ON;
}


void
flight_body(flight_t *flight, const void *data, size_t length)
{
    qsn_buf_t *target = flight->target;

    if (target == NULL) {
        return;
    }

    if (target == &flight->current->failure) {
        size_t room = FAILURE_MAX - target->length;

        length = length < room ? length : room;
    }

    qsn_buf_append(target, data, length);
}


enum flight_result
flight_end(flight_t *flight, flight_request_t **request)
{
    flight_request_t *mine = flight->current;

    *request = mine;

    if (mine == NULL) {
        return FLIGHT_ON;       /* removed while its frame arrived */
    }

    if (!mine->answered && mine->reply.failed) {
        (void) give_up(flight, 1);
        return flight->flags & QSN_FLAG_MORE ? FLIGHT_GIVEN_UP : FLIGHT_DONE;
    }

    return flight->flags & QSN_FLAG_MORE ? FLIGHT_ON : FLIGHT_DONE;
}


const char *
flight_error(const flight_t *flight)
{
    return flight->error;
}


static slot_t *
make_slot(flight_t *flight)
{
    if (flight->slots_made == flight->slots_room) {
        size_t room = flight->slots_room ? 2 * flight->slots_room
                                         : FIRST_SLOTS;
        slot_t **slots = realloc(flight->slots, room * sizeof(*slots));

        if (slots == NULL) {
            return NULL;
        }

        flight->slots = slots;
        flight->slots_room = room;
    }

    slot_t *slot = calloc(1, sizeof(*slot));

    if (slot) {
        slot->next = NOBODY;
        flight->free = flight->slots_made;
        flight->slots[flight->slots_made++] = slot;
    }

    return slot;
}


static slot_t *
find_slot(const flight_t *flight, uint64_t id)
{
    size_t number = (size_t) (id & UINT32_MAX);

    if (number >= flight->slots_made) {
        return NULL;
    }

    slot_t *slot = flight->slots[number];

    return slot->taken && slot->request.id == id ? slot : NULL;
}


static enum flight_result
broken(flight_t *flight, const char *error)
{
    flight->error = error;

    return FLIGHT_BROKEN;
}


static enum flight_result
give_up(flight_t *flight, int no_memory)
{
    flight_request_t *mine = flight->current;

    qsn_buf_free(&mine->reply);
    flight->target = NULL;
    mine->failed = 1;

    if (no_memory) {
        qsn_buf_string(&mine->failure, "The reply does not fit into memory");

    } else {
        qsn_buf_printf(&mine->failure,
                       "The reply is larger than zmq_max_reply (%zu bytes): "
                       "ask for less, raise that option, or ask over HTTP, "
                       "which streams results of any size",
                       flight->max_reply);
    }

    return FLIGHT_GIVEN_UP;
}
