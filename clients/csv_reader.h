#ifndef CSV_READER_H
#define CSV_READER_H

/*
 * Bytes into records of fields, as RFC 4180 has it: quoted fields may hold
 * commas, doubled quotes and line breaks; lines end in LF or CRLF.  A byte
 * order mark is skipped.  Pure: nothing but memory.
 */

#include <stddef.h>
#include <stdint.h>

#include "qsn_buf.h"

typedef struct {
    const char *data;           /* not NUL-terminated */
    size_t length;
} csv_reader_field_t;

/* line is that on which the record began; blank: nothing stood on it.
   Other than 0 stops the reader. */
typedef int (*csv_reader_record_t)(void *ctx, uint64_t line, int blank);

typedef struct {
    csv_reader_record_t record;
    void *ctx;
    int state;
    int result;                 /* of record(), or -1 */
    uint64_t line;              /* physical, from 1 */
    uint64_t record_line;
    int seen_any;               /* the current record has begun */
    size_t bom;                 /* bytes of the mark seen; 3: past it */
    qsn_buf_t text;
    qsn_buf_t ends;             /* size_t, one a field */
} csv_reader_t;

void csv_reader_init(csv_reader_t *reader, csv_reader_record_t record,
    void *ctx);
void csv_reader_free(csv_reader_t *reader);

/* Each 0, or what record() returned, or -1 without memory. */
int csv_reader_feed(csv_reader_t *reader, const char *data, size_t length);

/* The end of the input.  *unclosed is the line of a quoted field that does
   not end, else 0. */
int csv_reader_finish(csv_reader_t *reader, uint64_t *unclosed);

/* Of the record that record() is called for. */
size_t csv_reader_count(const csv_reader_t *reader);
csv_reader_field_t csv_reader_field(const csv_reader_t *reader, size_t i);

/* Without spaces around it. */
csv_reader_field_t csv_reader_trimmed(csv_reader_field_t field);

#endif
