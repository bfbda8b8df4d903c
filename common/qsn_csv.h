#ifndef QSN_CSV_H
#define QSN_CSV_H

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
} qsn_csv_field_t;

/* line is that on which the record began; blank: nothing stood on it.
   Other than 0 stops the reader. */
typedef int (*qsn_csv_record_t)(void *ctx, uint64_t line, int blank);

enum qsn_csv_failure {
    QSN_CSV_NONE,
    QSN_CSV_NO_MEMORY,
    QSN_CSV_TOO_LONG,           /* a record has more than ->max_bytes */
    QSN_CSV_TOO_MANY,           /* or more than ->max_fields */
    QSN_CSV_UNCLOSED            /* a quoted field does not end */
};

typedef struct {
    qsn_csv_record_t record;
    void *ctx;
    size_t max_bytes;           /* set by the caller, 0: any number */
    size_t max_fields;
    int state;
    int result;                 /* of record(), or -1 */
    enum qsn_csv_failure failure;
    uint64_t line;              /* physical, from 1 */
    uint64_t record_line;
    int seen_any;               /* the current record has begun */
    size_t bom;                 /* bytes of the mark seen; 3: past it */
    size_t quoted;              /* bytes of text up to the last quote */
    qsn_buf_t text;
    qsn_buf_t ends;             /* size_t, one a field */
} qsn_csv_t;

void qsn_csv_init(qsn_csv_t *reader, qsn_csv_record_t record, void *ctx);
void qsn_csv_free(qsn_csv_t *reader);

/* Each 0, or what record() returned, or -1 and ->failure, of the record on
   ->record_line.  The second is for the end of the input. */
int qsn_csv_feed(qsn_csv_t *reader, const char *data, size_t length);
int qsn_csv_finish(qsn_csv_t *reader);

/* Of the record that record() is called for. */
size_t qsn_csv_count(const qsn_csv_t *reader);
qsn_csv_field_t qsn_csv_field(const qsn_csv_t *reader, size_t i);

/* Without spaces around it. */
qsn_csv_field_t qsn_csv_trimmed(qsn_csv_field_t field);

#endif
