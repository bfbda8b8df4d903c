#ifndef QSN_FRAME_PARSER_H
#define QSN_FRAME_PARSER_H

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

enum qsn_frame_parser_event {
    QSN_FRAME_PARSER_HUNGRY,    /* the window is used up: feed */
    QSN_FRAME_PARSER_HEAD,      /* ->frame and ->args are those of a frame */
    QSN_FRAME_PARSER_BODY,      /* ->piece is more of its body */
    QSN_FRAME_PARSER_END,       /* that frame is over */
    QSN_FRAME_PARSER_BROKEN     /* ->error; nothing can follow but a reset */
};

typedef struct {
    /* what the last event was about; good until the next call */
    qsn_frame_t frame;
    qsn_frame_arg_t args[QSN_FRAME_TAGS];
    const uint8_t *piece;
    size_t piece_length;
    const char *error;          /* static */

    /* where it is */
    qsn_buf_t head;             /* header and arguments so far */
    uint64_t body_left;         /* of the frame */
    const uint8_t *window;      /* fed and not used yet */
    size_t window_length;

    /* private */
    int state;
} qsn_frame_parser_t;

/* Before the first byte of each connection; *parser once was zero. */
void qsn_frame_parser_reset(qsn_frame_parser_t *parser);
void qsn_frame_parser_free(qsn_frame_parser_t *parser);

/* When hungry, or what is left of the window again, at its new place.  The
   bytes stay the caller's and must outlive the events that come of them. */
void qsn_frame_parser_feed(qsn_frame_parser_t *parser, const uint8_t *bytes,
    size_t length);

enum qsn_frame_parser_event qsn_frame_parser_next(qsn_frame_parser_t *parser);

/* Whether the next event is END, for which nothing needs to be fed. */
int qsn_frame_parser_is_over(const qsn_frame_parser_t *parser);

#endif
