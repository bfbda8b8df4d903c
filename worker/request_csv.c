/*
 * A whole record is given to the function of its place in the file.  Errors
 * name line and column.
 */

#include "request_csv.h"

#include <stdlib.h>
#include <string.h>

#include "csv_field.h"
#include "qsn_csv.h"
#include "qsn_reply.h"

#define FIELDS_MIN  64          /* may be in a record, of options for one */

enum record {
    RECORD_OPTIONS,
    RECORD_TABLE_NAME,
    RECORD_COLUMN_NAMES,
    RECORD_COLUMN_TYPES,
    RECORD_DESCRIPTIONS,
    RECORD_ROW                  /* and all that follow */
};

struct request_csv_s {
    request_t *request;
    enum record record;
    qsn_csv_t reader;
};

static int fail(request_csv_t *csv);
static int on_record(void *ctx, uint64_t line, int blank);
static int take_table_name(request_csv_t *csv);
static text_t field(const request_csv_t *csv, size_t i);
static int take_options(request_csv_t *csv);
static int take_option(request_csv_t *csv, text_t name, text_t value);
static int take_list(request_csv_t *csv, text_list_t *list);
static int take_types(request_csv_t *csv);
static int take_row(request_csv_t *csv, int blank);
static int take_cell(request_csv_t *csv, size_t i);
static int repair(request_csv_t *csv, text_t *text);


request_csv_t *
request_csv_create(request_t *request)
{
    request_csv_t *csv = calloc(1, sizeof(*csv));

    if (csv) {
        size_t most = request->limits->max_columns;

        csv->request = request;
        qsn_csv_init(&csv->reader, on_record, csv);
        csv->reader.max_bytes = request->limits->max_cell;
        csv->reader.max_fields = most > FIELDS_MIN ? most : FIELDS_MIN;
    }

    return csv;
}


void
request_csv_destroy(request_csv_t *csv)
{
    if (csv) {
        qsn_csv_free(&csv->reader);
        free(csv);
    }
}


int
request_csv_feed(request_csv_t *csv, const void *data, size_t length)
{
    if (csv->request->status) {
        return -1;
    }

    return qsn_csv_feed(&csv->reader, data, length) == 0 ? 0 : fail(csv);
}


int
request_csv_finish(request_csv_t *csv)
{
    static const char *const missing[] = {
        [RECORD_OPTIONS] = "options", [RECORD_TABLE_NAME] = "table name",
        [RECORD_COLUMN_NAMES] = "column names",
        [RECORD_COLUMN_TYPES] = "column types",
        [RECORD_DESCRIPTIONS] = "column descriptions"
    };
    request_t *request = csv->request;

    if (request->status) {
        return -1;
    }

    if (qsn_csv_finish(&csv->reader) != 0) {
        return fail(csv);
    }

    if (csv->record != RECORD_ROW) {
        return request_fail(request, 400, "Parse error on line %llu: the CSV "
                            "ends before its line of %s",
                            (unsigned long long) csv->reader.line,
                            missing[csv->record]);
    }

    request->table.has_rows = 1;

    return 0;
}


/* The reader has stopped: why, unless on_record() has said so. */
static int
fail(request_csv_t *csv)
{
    request_t *request = csv->request;
    const qsn_csv_t *reader = &csv->reader;
    unsigned long long line = reader->record_line;

    switch (reader->failure) {

    case QSN_CSV_TOO_LONG:
        return request_fail(request, 413, "The row on line %llu is larger "
                            "than max_cell (%zu bytes)", line,
                            reader->max_bytes);

    case QSN_CSV_TOO_MANY:
        return request_fail(request, 413, "The row on line %llu has more than"
                            " %zu cells (max_columns)", line,
                            reader->max_fields);

    case QSN_CSV_UNCLOSED:
        return request_fail(request, 400, "Parse error on line %llu: a "
                            "quoted cell does not end", line);

    case QSN_CSV_NO_MEMORY:
        return request_fail(request, 503, "out of memory");

    case QSN_CSV_NONE:
        break;
    }

    return -1;
}


static int
on_record(void *ctx, uint64_t line, int blank)
{
    request_csv_t *csv = ctx;
    table_t *table = &csv->request->table;

    (void) line;                /* ->record_line is the same */

    switch (csv->record) {

    case RECORD_OPTIONS:
        csv->record = RECORD_TABLE_NAME;
        return take_options(csv);

    case RECORD_TABLE_NAME:
        csv->record = RECORD_COLUMN_NAMES;
        return take_table_name(csv);

    case RECORD_COLUMN_NAMES:
        csv->record = RECORD_COLUMN_TYPES;
        table->has_column_names = 1;
        return take_list(csv, &table->column_names);

    case RECORD_COLUMN_TYPES:
        csv->record = RECORD_DESCRIPTIONS;
        table->has_column_types = 1;
        return take_types(csv);

    case RECORD_DESCRIPTIONS:
        csv->record = RECORD_ROW;
        return 0;               /* nobody asks for them */

    case RECORD_ROW:
        break;
    }

    return take_row(csv, blank);
}


static int
take_table_name(request_csv_t *csv)
{
    text_t name = csv_field_trimmed(field(csv, 0));

    csv->request->has_table = 1;

    return request_set_text(csv->request, &csv->request->table.name,
                            name.data, name.length);
}


static text_t
field(const request_csv_t *csv, size_t i)
{
    qsn_csv_field_t own = qsn_csv_field(&csv->reader, i);

    return (text_t) { .data = own.data, .length = own.length };
}


/* "1,identity=x,persist=yes": what is no known option is ignored, such as
   the format's version number. */
static int
take_options(request_csv_t *csv)
{
    for (size_t i = 0; i < qsn_csv_count(&csv->reader); i++) {
        text_t option = csv_field_trimmed(field(csv, i));
        const char *equals = memchr(option.data, '=', option.length);

        if (equals == NULL) {
            continue;
        }

        text_t name = { .data = option.data,
                        .length = (size_t) (equals - option.data) };
        text_t value = { .data = equals + 1,
                         .length = option.length - name.length - 1 };

        if (take_option(csv, csv_field_trimmed(name),
                        csv_field_trimmed(value)) != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
take_option(request_csv_t *csv, text_t name, text_t value)
{
    request_t *request = csv->request;
    int on = request_flag(value.data, value.length);

    if (name.length == 6 && memcmp(name.data, "static", 6) == 0) {
        request->is_static = on;

    } else if (name.length == 6 && memcmp(name.data, "update", 6) == 0) {
        request->update = on;

    } else if (name.length == 7 && memcmp(name.data, "persist", 7) == 0) {
        request->persist = on;

    } else if (name.length == 7 && memcmp(name.data, "keycols", 7) == 0) {
        return request_set_keycols(request, value.data, value.length);

    } else if (name.length == 8 && memcmp(name.data, "identity", 8) == 0) {
        return repair(csv, &value) != 0 ? -1
               : request_set_text(request, &request->identity, value.data,
                                  value.length);
    }

    return 0;
}


static int
take_list(request_csv_t *csv, text_list_t *list)
{
    size_t count = qsn_csv_count(&csv->reader);

    if (count > csv->request->limits->max_columns) {
        return request_fail(csv->request, 413, "Parse error on line %llu: "
                            "%zu columns are more than max_columns (%zu)",
                            (unsigned long long) csv->reader.record_line,
                            count,
                            csv->request->limits->max_columns);
    }

    for (size_t i = 0; i < count; i++) {
        text_t name = csv_field_trimmed(field(csv, i));

        if (request_add_text(csv->request, list, name.data, name.length)
            != 0)
        {
            return -1;
        }
    }

    return 0;
}


/* The types are needed for the rows that follow, so they are checked now. */
static int
take_types(request_csv_t *csv)
{
    request_t *request = csv->request;
    table_t *table = &request->table;

    if (take_list(csv, &table->column_types) != 0) {
        return -1;
    }

    if (table->column_types.count != table->column_names.count) {
        return request_fail(request, 400, "Parse error on line %llu: %zu "
                            "column types for %zu column names",
                            (unsigned long long) csv->reader.record_line,
                            table->column_types.count,
                            table->column_names.count);
    }

    table->row_width = table->column_names.count;
    table->types = arena_alloc(&request->arena,
                               table->row_width * sizeof(*table->types));

    if (table->types == NULL) {
        return request_fail(request, 503, "out of memory");
    }

    for (size_t i = 0; i < table->row_width; i++) {
        const text_t *name = &table->column_types.items[i];

        if (request_parse_type(name, &table->types[i]) != 0) {
            return request_fail(request, 400, "Unsupported type '%.100s' in "
                                "type list on line %llu column %zu",
                                name->data,
                                (unsigned long long) csv->reader.record_line,
                                i + 1);
        }
    }

    return 0;
}


static int
take_row(request_csv_t *csv, int blank)
{
    request_t *request = csv->request;
    table_t *table = &request->table;
    size_t count = qsn_csv_count(&csv->reader);

    if (count != table->row_width) {
        return request_fail(request, 400, "Wrong number of cells on line "
                            "%llu: %zu, expected %zu",
                            (unsigned long long) csv->reader.record_line,
                            blank ? (size_t) 0 : count,
                            table->row_width);
    }

    for (size_t i = 0; i < count; i++) {
        if (take_cell(csv, i) != 0) {
            return -1;
        }
    }

    return request_count_row(request);
}


/* An empty cell is NULL among numbers and the empty text among texts. */
static int
take_cell(request_csv_t *csv, size_t i)
{
    table_t *table = &csv->request->table;
    text_t text = field(csv, i);
    text_t bare = csv_field_trimmed(text);
    cell_t cell = { .kind = CELL_NULL };
    const char *wrong = NULL;

    switch (table->types[i]) {

    case COLUMN_INTEGER:
        if (bare.length) {
            cell.kind = CELL_INTEGER;
            wrong = csv_field_integer(bare, &cell.as.integer) == 0
                    ? NULL : "no integer of 64 bits";
        }

        break;

    case COLUMN_REAL:
        if (bare.length) {
            cell.kind = CELL_REAL;
            wrong = csv_field_real(bare, &cell.as.real) == 0
                    ? NULL : "no number";
        }

        break;

    case COLUMN_TEXT:
        if (repair(csv, &text) != 0) {
            return -1;
        }

        cell.kind = CELL_TEXT;
        cell.as.text.data = text.data;
        cell.as.text.length = text.length;
        break;
    }

    if (wrong) {
        return request_fail(csv->request, 400, "Parse error on line %llu "
                            "column %zu ('%s'): '%.*s' is %s",
                            (unsigned long long) csv->reader.record_line, i + 1,
                            table->column_names.items[i].data,
                            (int) (bare.length < 60 ? bare.length : 60),
                            bare.data, wrong);
    }

    if (tape_write(&table->tape, &cell) != 0) {
        return request_fail(csv->request, 503, "out of memory");
    }

    return 0;
}


/* Agents on hosts with another character set sent tables before, and go on
   doing so: they are told. */
static int
repair(request_csv_t *csv, text_t *text)
{
    if (qsn_utf8_valid(text->data, text->length)) {
        return 0;
    }

    if (csv_field_repair(&csv->request->arena, text) != 0) {
        return request_fail(csv->request, 503, "out of memory");
    }

    csv->request->warning = "it was not all UTF-8: the bytes that are none "
                            "were replaced";

    return 0;
}
