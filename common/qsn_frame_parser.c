/* The frame parser: a state machine over a window of bytes. */

#include "qsn_frame_parser.h"

enum { IN_HEADER = 0, IN_ARGS, IN_BODY, BROKEN };

static int gather(qsn_frame_parser_t *parser, size_t length);
static enum qsn_frame_parser_event give_up(qsn_frame_parser_t *parser,
    const char *error);


void
qsn_frame_parser_reset(qsn_frame_parser_t *parser)
{
    qsn_buf_clear(&parser->head);
    parser->state = IN_HEADER;
    parser->window = NULL;
    parser->window_length = 0;
    parser->body_left = 0;
    parser->error = NULL;
}


void
qsn_frame_parser_free(qsn_frame_parser_t *parser)
{
    qsn_frame_parser_reset(parser);
    qsn_buf_free(&parser->head);
}


void
qsn_frame_parser_feed(qsn_frame_parser_t *parser, const uint8_t *bytes,
    size_t length)
{
    parser->window = bytes;
    parser->window_length = length;
}


enum qsn_frame_parser_event
qsn_frame_parser_next(qsn_frame_parser_t *parser)
{
    const char *error;

    if (parser->state == IN_HEADER) {
        if (!gather(parser, QSN_FRAME_HEADER_SIZE)) {
            return parser->head.failed ? give_up(parser, "out of memory")
                                       : QSN_FRAME_PARSER_HUNGRY;
        }

        error = qsn_frame_decode((const uint8_t *) parser->head.data,
                                 &parser->frame);
        if (error) {
            return give_up(parser, error);
        }

        parser->state = IN_ARGS;
    }

    if (parser->state == IN_ARGS) {
        if (!gather(parser, QSN_FRAME_HEADER_SIZE
                            + parser->frame.args_length))
        {
            return parser->head.failed ? give_up(parser, "out of memory")
                                       : QSN_FRAME_PARSER_HUNGRY;
        }

        error = qsn_frame_parse_args((const uint8_t *) parser->head.data
                                     + QSN_FRAME_HEADER_SIZE,
                                     parser->frame.args_length, parser->args);
        if (error) {
            return give_up(parser, error);
        }

        parser->body_left = parser->frame.body_length;
        parser->state = IN_BODY;

        return QSN_FRAME_PARSER_HEAD;
    }

    if (parser->state == BROKEN) {
        return QSN_FRAME_PARSER_BROKEN;
    }

    if (qsn_frame_parser_is_over(parser)) {
        qsn_buf_clear(&parser->head);
        parser->state = IN_HEADER;
        return QSN_FRAME_PARSER_END;
    }

    if (parser->window_length == 0) {
        return QSN_FRAME_PARSER_HUNGRY;
    }

    parser->piece = parser->window;
    parser->piece_length = parser->window_length < parser->body_left
                           ? parser->window_length
                           : (size_t) parser->body_left;

    parser->body_left -= parser->piece_length;
    parser->window += parser->piece_length;
    parser->window_length -= parser->piece_length;

    return QSN_FRAME_PARSER_BODY;
}


int
qsn_frame_parser_is_over(const qsn_frame_parser_t *parser)
{
    return parser->state == IN_BODY && parser->body_left == 0;
}


/* True once head holds length bytes; it never takes more than that. */

static int
gather(qsn_frame_parser_t *parser, size_t length)
{
    size_t missing = length - parser->head.length;
    size_t taken = missing < parser->window_length ? missing
                                                   : parser->window_length;

    if (taken) {
        qsn_buf_append(&parser->head, parser->window, taken);
        parser->window += taken;
        parser->window_length -= taken;
    }

    return parser->head.length == length;
}


static enum qsn_frame_parser_event
give_up(qsn_frame_parser_t *parser, const char *error)
{
    parser->state = BROKEN;
    parser->error = error;

    return QSN_FRAME_PARSER_BROKEN;
}
