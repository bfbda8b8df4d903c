#ifndef FRAME_PARSER_H
#define FRAME_PARSER_H

/*
 * Frames out of a byte stream that arrives in pieces of any size.  Pure: the
 * caller feeds a window of bytes and pulls events until the parser is hungry
 * again.  Header and arguments are gathered (at most 256 KB), a body never
 * is: it is handed out in the pieces it came in, so that a frame of a
 * gigabyte costs no memory here.
 *
 *   HEAD, BODY (zero or more), END, HEAD, ...
 */

#include "qsn_buf.h"
#include "qsn_frame.h"

enum frame_parser_event {
    FRAME_PARSER_HUNGRY,        /* the window is used up: feed */
    FRAME_PARSER_HEAD,          /* ->frame and ->args are those of a frame */
    FRAME_PARSER_BODY,          /* ->piece is more of its body */
    FRAME_PARSER_END,           /* that frame is over */
    FRAME_PARSER_BROKEN         /* ->error; nothing can follow but a reset */
};

typedef struct {
    /* what the last event was about; good until the next call */
    qsn_frame_t frame;
    qsn_frame_arg_t args[QSN_FRAME_TAGS];
    const uint8_t *piece;
    size_t piece_length;
    const char *error;          /* static */

    /* private */
    int state;
    qsn_buf_t head;             /* header and arguments so far */
    const uint8_t *window;
    size_t window_length;
    uint64_t body_left;
} frame_parser_t;

/* Before the first byte of each connection; *parser once was zero. */
void frame_parser_reset(frame_parser_t *parser);
void frame_parser_free(frame_parser_t *parser);

/* Only when hungry.  The bytes stay the caller's and must outlive the
   events that come of them. */
void frame_parser_feed(frame_parser_t *parser, const uint8_t *bytes,
    size_t length);

enum frame_parser_event frame_parser_next(frame_parser_t *parser);

#endif
