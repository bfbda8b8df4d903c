/* A byte machine; what is inside a field is copied in runs. */

#include "qsn_csv.h"

#include <string.h>

#include "qsn_trim.h"

enum state {
    FIELD_START,
    IN_FIELD,
    IN_QUOTES,
    QUOTE_IN_QUOTES             /* the end, or half of a doubled quote */
};

static size_t start_of(const qsn_csv_t *reader, size_t i);
static size_t take_run(qsn_csv_t *reader, const char *data, size_t length);
static int take_byte(qsn_csv_t *reader, char byte);
static int check_length(qsn_csv_t *reader);
static int end_field(qsn_csv_t *reader);
static int end_record(qsn_csv_t *reader);
static int fail(qsn_csv_t *reader, enum qsn_csv_failure failure);


void
qsn_csv_init(qsn_csv_t *reader, qsn_csv_record_t record, void *ctx)
{
    memset(reader, 0, sizeof(*reader));
    reader->record = record;
    reader->ctx = ctx;
    reader->state = FIELD_START;
    reader->line = 1;
    reader->record_line = 1;
}


void
qsn_csv_free(qsn_csv_t *reader)
{
    qsn_buf_free(&reader->text);
    qsn_buf_free(&reader->ends);
}


int
qsn_csv_feed(qsn_csv_t *reader, const char *data, size_t length)
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
            reader->result = check_length(reader);
        } else {
            reader->result = take_byte(reader, data[at++]);
        }
    }

    return reader->result;
}


int
qsn_csv_finish(qsn_csv_t *reader)
{
    if (reader->result) {
        return reader->result;
    }

    if (reader->state == IN_QUOTES) {
        reader->result = fail(reader, QSN_CSV_UNCLOSED);

    } else if (reader->seen_any) {
        reader->result = end_record(reader);
    }

    return reader->result;
}


size_t
qsn_csv_count(const qsn_csv_t *reader)
{
    return reader->ends.length / sizeof(size_t);
}


qsn_csv_field_t
qsn_csv_field(const qsn_csv_t *reader, size_t i)
{
    size_t start = start_of(reader, i);

    return (qsn_csv_field_t) {
        .data = reader->text.data ? reader->text.data + start : "",
        .length = start_of(reader, i + 1) - start
    };
}


qsn_csv_field_t
qsn_csv_trimmed(qsn_csv_field_t field)
{
    qsn_trim(&field.data, &field.length);

    return field;
}


/* Where field i begins, or the one before it has ended. */
static size_t
start_of(const qsn_csv_t *reader, size_t i)
{
    const size_t *ends = (const size_t *) (const void *) reader->ends.data;

    return i ? ends[i - 1] : 0;
}


/* Bytes that mean nothing but themselves; 0: the next one has a meaning. */
static size_t
take_run(qsn_csv_t *reader, const char *data, size_t length)
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
take_byte(qsn_csv_t *reader, char byte)
{
    if (byte == '\n') {
        reader->line++;
    }

    switch (reader->state) {

    case IN_QUOTES:
        if (byte == '"') {
            reader->state = QUOTE_IN_QUOTES;
            reader->quoted = reader->text.length;
            return 0;
        }

        qsn_buf_byte(&reader->text, byte);

        return check_length(reader);

    case QUOTE_IN_QUOTES:
        if (byte == '"') {
            reader->state = IN_QUOTES;
            qsn_buf_byte(&reader->text, byte);
            return check_length(reader);
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
        return end_field(reader);
    }

    reader->state = IN_FIELD;
    qsn_buf_byte(&reader->text, byte);

    return check_length(reader);
}


static int
check_length(qsn_csv_t *reader)
{
    if (reader->text.failed) {
        return fail(reader, QSN_CSV_NO_MEMORY);
    }

    return reader->max_bytes && reader->text.length > reader->max_bytes
           ? fail(reader, QSN_CSV_TOO_LONG) : 0;
}


static int
end_field(qsn_csv_t *reader)
{
    if (reader->max_fields && qsn_csv_count(reader) == reader->max_fields) {
        return fail(reader, QSN_CSV_TOO_MANY);
    }

    qsn_buf_append(&reader->ends, &reader->text.length, sizeof(size_t));
    reader->state = FIELD_START;

    return reader->ends.failed ? fail(reader, QSN_CSV_NO_MEMORY) : 0;
}


static int
end_record(qsn_csv_t *reader)
{
    size_t start = start_of(reader, qsn_csv_count(reader));

    /* of CRLF, if it is in this field and not in its quotes */
    if (reader->text.length > start && reader->text.length > reader->quoted
        && reader->text.data[reader->text.length - 1] == '\r')
    {
        reader->text.length--;
    }

    int blank = reader->text.length == 0 && reader->ends.length == 0;
    int rc = end_field(reader);

    if (rc == 0) {
        rc = reader->record(reader->ctx, reader->record_line, blank);
    }

    if (rc != 0) {
        return rc;
    }

    qsn_buf_clear(&reader->text);
    qsn_buf_clear(&reader->ends);
    reader->quoted = 0;
    reader->seen_any = 0;
    reader->record_line = reader->line;

    return 0;
}


static int
fail(qsn_csv_t *reader, enum qsn_csv_failure failure)
{
    reader->failure = failure;

    return -1;
}
