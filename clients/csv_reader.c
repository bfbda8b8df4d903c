/* A byte machine; what is inside a field is copied in runs. */

#include "csv_reader.h"

#include <string.h>

#include "qsn_trim.h"

enum state {
    FIELD_START,
    IN_FIELD,
    IN_QUOTES,
    QUOTE_IN_QUOTES             /* the end, or half of a doubled quote */
};

static size_t take_run(csv_reader_t *reader, const char *data, size_t length);
static int take_byte(csv_reader_t *reader, char byte);
static void end_field(csv_reader_t *reader);
static int end_record(csv_reader_t *reader);


void
csv_reader_init(csv_reader_t *reader, csv_reader_record_t record, void *ctx)
{
    memset(reader, 0, sizeof(*reader));
    reader->record = record;
    reader->ctx = ctx;
    reader->state = FIELD_START;
    reader->line = 1;
    reader->record_line = 1;
}


void
csv_reader_free(csv_reader_t *reader)
{
    qsn_buf_free(&reader->text);
    qsn_buf_free(&reader->ends);
}


int
csv_reader_feed(csv_reader_t *reader, const char *data, size_t length)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t at = 0;

    while (reader->result == 0 && at < length) {
        if (reader->bom < 3) {
            if (data[at] == mark[reader->bom]) {
                reader->bom++;
                at++;
                continue;
            }

            reader->bom = 3;
        }

        size_t run = take_run(reader, data + at, length - at);

        if (run) {
            at += run;
        } else {
            reader->result = take_byte(reader, data[at++]);
        }

        if (reader->text.failed || reader->ends.failed) {
            reader->result = -1;
        }
    }

    return reader->result;
}


int
csv_reader_finish(csv_reader_t *reader, uint64_t *unclosed)
{
    *unclosed = 0;

    if (reader->result) {
        return reader->result;
    }

    if (reader->state == IN_QUOTES) {
        *unclosed = reader->record_line;
        return -1;
    }

    if (reader->seen_any) {
        reader->result = end_record(reader);
    }

    return reader->result;
}


size_t
csv_reader_count(const csv_reader_t *reader)
{
    return reader->ends.length / sizeof(size_t);
}


csv_reader_field_t
csv_reader_field(const csv_reader_t *reader, size_t i)
{
    const size_t *ends = (const size_t *) (const void *) reader->ends.data;
    size_t start = i ? ends[i - 1] : 0;

    return (csv_reader_field_t) {
        .data = reader->text.data ? reader->text.data + start : "",
        .length = ends[i] - start
    };
}


csv_reader_field_t
csv_reader_trimmed(csv_reader_field_t field)
{
    qsn_trim(&field.data, &field.length);

    return field;
}


/* Bytes that mean nothing but themselves; 0: the next one has a meaning. */
static size_t
take_run(csv_reader_t *reader, const char *data, size_t length)
{
    size_t run = 0;

    if (reader->state == IN_FIELD || reader->state == FIELD_START) {
        while (run < length && data[run] != ',' && data[run] != '\n'
               && data[run] != '"')
        {
            run++;
        }

    } else if (reader->state == IN_QUOTES) {
        while (run < length && data[run] != '"' && data[run] != '\n') {
            run++;
        }
    }

    if (run) {
        qsn_buf_append(&reader->text, data, run);
        reader->seen_any = 1;

        if (reader->state == FIELD_START) {
            reader->state = IN_FIELD;
        }
    }

    return run;
}


static int
take_byte(csv_reader_t *reader, char byte)
{
    if (byte == '\n') {
        reader->line++;
    }

    switch (reader->state) {

    case IN_QUOTES:
        if (byte == '"') {
            reader->state = QUOTE_IN_QUOTES;
        } else {
            qsn_buf_byte(&reader->text, byte);
        }

        return 0;

    case QUOTE_IN_QUOTES:
        if (byte == '"') {
            reader->state = IN_QUOTES;
            qsn_buf_byte(&reader->text, byte);
            return 0;
        }

        reader->state = IN_FIELD;
        break;

    case FIELD_START:
        if (byte == '"') {
            reader->state = IN_QUOTES;
            reader->seen_any = 1;
            return 0;
        }

        break;

    default:
        break;
    }

    if (byte == '\n') {
        return end_record(reader);
    }

    reader->seen_any = 1;

    if (byte == ',') {
        end_field(reader);
    } else {
        reader->state = IN_FIELD;
        qsn_buf_byte(&reader->text, byte);
    }

    return 0;
}


static void
end_field(csv_reader_t *reader)
{
    qsn_buf_append(&reader->ends, &reader->text.length, sizeof(size_t));
    reader->state = FIELD_START;
}


static int
end_record(csv_reader_t *reader)
{
    size_t count = csv_reader_count(reader);
    size_t start = 0;

    if (count) {
        start = ((const size_t *) (const void *) reader->ends.data)[count - 1];
    }

    /* of CRLF, if it is in this field */
    if (reader->text.length > start
        && reader->text.data[reader->text.length - 1] == '\r')
    {
        reader->text.length--;
    }

    int blank = reader->text.length == 0 && reader->ends.length == 0;

    end_field(reader);

    int rc = reader->text.failed || reader->ends.failed
             ? -1 : reader->record(reader->ctx, reader->record_line, blank);

    qsn_buf_clear(&reader->text);
    qsn_buf_clear(&reader->ends);
    reader->seen_any = 0;
    reader->record_line = reader->line;

    return rc;
}
