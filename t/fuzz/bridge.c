/*
 * The ZeroMQ bridge's decoders: a message of several frames (lengths from
 * the first bytes), packed and walked again; then the rest as what a worker
 * sends, in pieces, to requests in flight.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flight.h"
#include "qsn_frame_parser.h"

#define FRAMES     4
#define MAX_REPLY  512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
walk(const envelope_t *envelope, size_t count)
{
    const void *part;
    size_t cursor = 0, length, seen = 0;
    volatile uint8_t last = 0;

    while (envelope_next(envelope, &cursor, &part, &length)) {
        seen++;

        if (length) {
            last = ((const uint8_t *) part)[length - 1];
        }

        if (envelope_at_end(envelope, cursor) != (seen == count)) {
            abort();
        }
    }

    (void) last;

    if (seen != count) {
        abort();
    }
}


static size_t
message(const uint8_t *data, size_t size)
{
    size_t lengths[FRAMES];
    size_t used = FRAMES, added = 0;
    envelope_t envelope = { 0 };

    for (size_t i = 0; i < FRAMES; i++) {
        lengths[i] = data[i] % 32;
        lengths[i] = lengths[i] > size - used ? size - used : lengths[i];
        added += envelope_add(&envelope, data + used, lengths[i]) == 0;
        used += lengths[i];
    }

    envelope_shape_t shape = envelope_shape(lengths, FRAMES);

    if (shape.back > FRAMES || shape.body > FRAMES) {
        abort();
    }

    walk(&envelope, added);
    envelope_free(&envelope);

    return used;
}


static void
answers(const uint8_t *data, size_t size)
{
    flight_t *flight = flight_create(FRAMES, MAX_REPLY);
    qsn_frame_parser_t parser = { 0 };
    flight_request_t *request;
    enum qsn_frame_parser_event event = QSN_FRAME_PARSER_HUNGRY;
    enum flight_result result = FLIGHT_ON;
    size_t step = size ? data[0] % 64 + 1u : 1;

    for (int i = 0; i < FRAMES; i++) {
        envelope_t envelope = { 0 };

        (void) envelope_add(&envelope, "who", 3);

        if (flight_add(flight, &envelope) == NULL) {
            abort();
        }
    }

    qsn_frame_parser_reset(&parser);

    for (size_t at = 0; at < size; at += step) {
        qsn_frame_parser_feed(&parser, data + at,
                          size - at < step ? size - at : step);

        while ((event = qsn_frame_parser_next(&parser))
               != QSN_FRAME_PARSER_HUNGRY
               && event != QSN_FRAME_PARSER_BROKEN && result != FLIGHT_BROKEN)
        {
            request = NULL;

            if (event == QSN_FRAME_PARSER_HEAD) {
                result = flight_head(flight, &parser.frame, &request);
            } else if (event == QSN_FRAME_PARSER_BODY) {
                flight_body(flight, parser.piece, parser.piece_length);
            } else {
                result = flight_end(flight, &request);
            }

            if (result == FLIGHT_DONE && request) {
                flight_remove(flight, request);
            }
        }

        if (event == QSN_FRAME_PARSER_BROKEN || result == FLIGHT_BROKEN) {
            break;
        }
    }

    qsn_frame_parser_free(&parser);
    flight_destroy(flight);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= FRAMES) {
        size_t used = message(data, size);

        answers(data + used, size - used);
    }

    return 0;
}
