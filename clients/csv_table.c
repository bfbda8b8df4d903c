/*
 * A record is given to the function of its place in the file.  Numbers are
 * read as the server reads them and written as JSON wants them.
 */

#include "csv_table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_reply.h"

enum record {
    RECORD_OPTIONS,
    RECORD_TABLE_NAME,
    RECORD_COLUMN_NAMES,
    RECORD_COLUMN_TYPES,
    RECORD_DESCRIPTIONS,
    RECORD_ROW                  /* and all that follow */
};

#define INTEGER_SIZE  32
#define REAL_SIZE     400

static int on_record(void *ctx, uint64_t line, int blank);
static int take_options(csv_table_t *csv);
static int take_option(csv_table_t *csv, qsn_csv_field_t name,
    qsn_csv_field_t value);
static int take_names(csv_table_t *csv, draft_names_t *names, uint64_t line);
static int take_types(csv_table_t *csv, uint64_t line);
static int take_row(csv_table_t *csv, uint64_t line, int blank);
static const char *take_cell(csv_table_t *csv, size_t i);
static const char *take_integer(draft_t *draft, qsn_csv_field_t field);
static const char *take_real(draft_t *draft, qsn_csv_field_t field);
static const char *take_text(draft_t *draft, qsn_csv_field_t field);
static int is_named(qsn_csv_field_t field, const char *name);


void
csv_table_init(csv_table_t *csv, draft_t *draft)
{
    memset(csv, 0, sizeof(*csv));
    csv->draft = draft;
    csv->record = RECORD_OPTIONS;
    qsn_csv_init(&csv->reader, on_record, csv);
}


void
csv_table_free(csv_table_t *csv)
{
    qsn_csv_free(&csv->reader);
    free(csv->types);
}


int
csv_table_feed(csv_table_t *csv, const char *data, size_t length)
{
    if (qsn_csv_feed(&csv->reader, data, length) != 0) {
        return draft_fail(csv->draft, 0, 0, "out of memory");
    }

    return 0;
}


int
csv_table_finish(csv_table_t *csv)
{
    static const char *const missing[] = {
        [RECORD_OPTIONS] = "options",
        [RECORD_TABLE_NAME] = "the table name",
        [RECORD_COLUMN_NAMES] = "column names",
        [RECORD_COLUMN_TYPES] = "column types",
        [RECORD_DESCRIPTIONS] = "column descriptions"
    };

    if (qsn_csv_finish(&csv->reader) != 0) {
        return csv->reader.failure == QSN_CSV_UNCLOSED
               ? draft_fail(csv->draft, csv->reader.record_line, 0, "a "
                            "quoted cell does not end")
               : draft_fail(csv->draft, 0, 0, "out of memory");
    }

    if (csv->record != RECORD_ROW) {
        return draft_fail(csv->draft, csv->reader.line, 0, "the CSV ends "
                          "before its line of %s", missing[csv->record]);
    }

    csv->draft->has_rows = 1;

    return 0;
}


static int
on_record(void *ctx, uint64_t line, int blank)
{
    csv_table_t *csv = ctx;
    draft_t *draft = csv->draft;
    qsn_csv_field_t name;
    int rc = 0;

    switch (csv->record) {

    case RECORD_OPTIONS:
        rc = take_options(csv);
        break;

    case RECORD_TABLE_NAME:
        name = qsn_csv_trimmed(qsn_csv_field(&csv->reader, 0));
        rc = draft_set_tablename(draft, name.data, name.length, line, 1);
        break;

    case RECORD_COLUMN_NAMES:
        draft->has_column_names = 1;
        rc = take_names(csv, &draft->column_names, line);
        break;

    case RECORD_COLUMN_TYPES:
        draft->has_column_types = 1;
        rc = take_types(csv, line);
        break;

    case RECORD_DESCRIPTIONS:
        break;                  /* for people; nobody asks for them */

    default:
        return take_row(csv, line, blank);
    }

    csv->record++;

    return rc;
}


/* What is no known option is ignored, such as the format's version. */
static int
take_options(csv_table_t *csv)
{
    for (size_t i = 0; i < qsn_csv_count(&csv->reader); i++) {
        qsn_csv_field_t option = qsn_csv_trimmed(
                                       qsn_csv_field(&csv->reader, i));
        const char *equals = memchr(option.data, '=', option.length);

        if (equals == NULL) {
            continue;
        }

        size_t length = (size_t) (equals - option.data);
        qsn_csv_field_t name = { option.data, length };
        qsn_csv_field_t value = { equals + 1, option.length - length - 1 };

        if (take_option(csv, qsn_csv_trimmed(name),
                        qsn_csv_trimmed(value)) != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
take_option(csv_table_t *csv, qsn_csv_field_t name,
    qsn_csv_field_t value)
{
    draft_t *draft = csv->draft;
    int on = draft_flag(value.data, value.length);

    if (is_named(name, "static")) {
        draft->is_static = on;

    } else if (is_named(name, "update")) {
        draft->update = on;

    } else if (is_named(name, "persist")) {
        draft->persist = on;

    } else if (is_named(name, "keycols")) {
        return draft_set_text(draft, &draft->keycols, value.data,
                              value.length);

    } else if (is_named(name, "identity")) {
        return draft_set_text(draft, &draft->identity, value.data,
                              value.length);
    }

    return 0;
}


static int
take_names(csv_table_t *csv, draft_names_t *names, uint64_t line)
{
    for (size_t i = 0; i < qsn_csv_count(&csv->reader); i++) {
        qsn_csv_field_t name = qsn_csv_trimmed(
                                      qsn_csv_field(&csv->reader, i));

        if (draft_add_name(csv->draft, names, name.data, name.length, line,
                           i + 1) != 0)
        {
            return -1;
        }
    }

    return 0;
}


/* The rows that follow are read by their types: they are checked now. */
static int
take_types(csv_table_t *csv, uint64_t line)
{
    draft_t *draft = csv->draft;
    draft_names_t *types = &draft->column_types;

    if (take_names(csv, types, line) != 0) {
        return -1;
    }

    if (types->count != draft->column_names.count) {
        return draft_fail(draft, line, 0, "%zu column types for %zu column "
                          "names", types->count, draft->column_names.count);
    }

    csv->types = calloc(types->count, sizeof(*csv->types));

    if (csv->types == NULL) {
        return draft_fail(draft, 0, 0, "out of memory");
    }

    for (size_t i = 0; i < types->count; i++) {
        const draft_name_t *type = &types->items[i];

        if (draft_parse_type(type->name, type->length, &csv->types[i]) != 0) {
            return draft_fail(draft, line, i + 1, "column '%.100s' has the "
                              "unknown type '%.100s'",
                              draft->column_names.items[i].name, type->name);
        }
    }

    return 0;
}


/* Blank lines may end a file; before a row they are a row too short. */
static int
take_row(csv_table_t *csv, uint64_t line, int blank)
{
    draft_t *draft = csv->draft;
    size_t count = qsn_csv_count(&csv->reader);
    size_t expected = draft->column_names.count;

    if (blank && expected != 1) {
        if (csv->blank_line == 0) {
            csv->blank_line = line;
        }

        return 0;
    }

    if (csv->blank_line) {
        return draft_fail(draft, csv->blank_line, 0, "wrong number of cells: "
                          "0, expected %zu", expected);
    }

    if (count != expected) {
        return draft_fail(draft, line, 0, "wrong number of cells: %zu, "
                          "expected %zu", count, expected);
    }

    draft_begin_row(draft);

    for (size_t i = 0; i < count; i++) {
        const char *wrong = take_cell(csv, i);

        if (wrong) {
            qsn_csv_field_t cell = qsn_csv_field(&csv->reader, i);

            return draft_fail(draft, line, i + 1, "'%.*s' (%s) is %s",
                              (int) (cell.length < 60 ? cell.length : 60),
                              cell.data, draft->column_names.items[i].name,
                              wrong);
        }
    }

    return draft_end_row(draft, line);
}


/* NULL, or what the cell is instead of a value of its type.  An empty cell
   is NULL among numbers and the empty text among texts. */
static const char *
take_cell(csv_table_t *csv, size_t i)
{
    draft_t *draft = csv->draft;
    qsn_csv_field_t field = qsn_csv_field(&csv->reader, i);

    if (csv->types[i] == DRAFT_TEXT) {
        return take_text(draft, field);
    }

    field = qsn_csv_trimmed(field);

    if (field.length == 0) {
        draft_null(draft);
        return NULL;
    }

    return csv->types[i] == DRAFT_INTEGER ? take_integer(draft, field)
                                          : take_real(draft, field);
}


static const char *
take_integer(draft_t *draft, qsn_csv_field_t field)
{
    char number[INTEGER_SIZE];
    char *end = number;
    long long value = 0;

    if (field.length < sizeof(number)) {
        memcpy(number, field.data, field.length);
        number[field.length] = '\0';
        errno = 0;
        value = strtoll(number, &end, 10);
    }

    if (field.length >= sizeof(number) || errno
        || end != number + field.length)
    {
        return "no integer of 64 bits";
    }

    int length = snprintf(number, sizeof(number), "%lld", value);

    draft_number(draft, number, (size_t) length);

    return NULL;
}


/* The digits stay as they are where JSON allows it; a number without point
   and exponent gets one, or it would have to fit into 64 bits. */
static const char *
take_real(draft_t *draft, qsn_csv_field_t field)
{
    char number[REAL_SIZE];
    char *end;

    if (field.length + 3 > sizeof(number)
        || memchr(field.data, 'x', field.length)
        || memchr(field.data, 'X', field.length))
    {
        return "no number";     /* strtod() takes hexadecimal */
    }

    memcpy(number, field.data, field.length);
    number[field.length] = '\0';

    double value = strtod(number, &end);

    if (end != number + field.length) {
        return "no number";
    }

    if (!isfinite(value)) {
        return "no number that JSON can express";
    }

    const char *digits = number + (number[0] == '-');
    size_t whole = strspn(digits, "0123456789");
    size_t fraction = digits[whole] == '.'
                      ? strspn(digits + whole + 1, "0123456789") : 0;

    if (whole == 0 || (digits[0] == '0' && whole > 1)
        || (digits[whole] == '.' && fraction == 0))
    {
        (void) snprintf(number, sizeof(number), "%.17g", value);
    }

    if (number[strcspn(number, ".eE")] == '\0') {
        (void) strcat(number, ".0");
    }

    draft_number(draft, number, strlen(number));

    return NULL;
}


static const char *
take_text(draft_t *draft, qsn_csv_field_t field)
{
    for (size_t at = 0; at < field.length; ) {
        size_t size = qsn_utf8_size(field.data + at, field.length - at);

        if (size == 0) {
            return "not UTF-8";
        }

        at += size;
    }

    draft_text(draft, field.data, field.length);

    return NULL;
}


static int
is_named(qsn_csv_field_t field, const char *name)
{
    return field.length == strlen(name)
           && memcmp(field.data, name, field.length) == 0;
}
