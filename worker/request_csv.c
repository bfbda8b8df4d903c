/*
 * A byte machine gathers the fields of one record; a whole record is given
 * to the function of its place in the file.  Errors name line and column.
 */

#include "request_csv.h"

#include <stdlib.h>
#include <string.h>

#include "csv_field.h"
#include "qsn_buf.h"
#include "qsn_reply.h"

enum state {
    FIELD_START,
    IN_FIELD,
    IN_QUOTES,
    QUOTE_IN_QUOTES             /* the end, or half of a doubled quote */
};

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
    enum state state;
    enum record record;
    uint64_t line;              /* physical, from 1 */
    uint64_t record_line;       /* where the current record began */
    qsn_buf_t text;             /* fields of the record, one behind another */
    size_t *ends;               /* of each field in text */
    size_t count;
    size_t capacity;
    int seen_any;               /* the current record has begun */
    size_t bom;                 /* bytes of a byte order mark seen, 3: past */
};

static int take_byte(request_csv_t *csv, char byte);
static int end_field(request_csv_t *csv);
static int end_record(request_csv_t *csv);
static text_t field(const request_csv_t *csv, size_t i);
static int take_options(request_csv_t *csv);
static int take_option(request_csv_t *csv, text_t name, text_t value);
static int take_list(request_csv_t *csv, text_list_t *list);
static int take_types(request_csv_t *csv);
static int take_row(request_csv_t *csv);
static int take_cell(request_csv_t *csv, size_t i);
static int repair(request_csv_t *csv, text_t *text);


request_csv_t *
request_csv_create(request_t *request)
{
    request_csv_t *csv = calloc(1, sizeof(*csv));

    if (csv) {
        csv->request = request;
        csv->line = 1;
        csv->record_line = 1;
    }

    return csv;
}


void
request_csv_destroy(request_csv_t *csv)
{
    if (csv) {
        qsn_buf_free(&csv->text);
        free(csv->ends);
        free(csv);
    }
}


int
request_csv_feed(request_csv_t *csv, const void *data, size_t length)
{
    static const char mark[] = "\xef\xbb\xbf";
    const char *at = data;
    int rc = csv->request->status ? -1 : 0;

    for (size_t i = 0; rc == 0 && i < length; i++) {
        if (csv->bom < 3) {
            if (at[i] == mark[csv->bom]) {
                csv->bom++;
                continue;
            }

            csv->bom = 3;
        }

        rc = take_byte(csv, at[i]);
    }

    return rc;
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

    if (csv->state == IN_QUOTES) {
        return request_fail(request, 400, "Parse error on line %llu: a "
                            "quoted cell does not end",
                            (unsigned long long) csv->record_line);
    }

    if (csv->seen_any && end_record(csv) != 0) {
        return -1;
    }

    if (csv->record != RECORD_ROW) {
        return request_fail(request, 400, "Parse error on line %llu: the CSV "
                            "ends before its line of %s",
                            (unsigned long long) csv->line,
                            missing[csv->record]);
    }

    request->table.has_rows = 1;

    return 0;
}


static int
take_byte(request_csv_t *csv, char byte)
{
    if (byte == '\n') {
        csv->line++;
    }

    if (csv->text.length > csv->request->limits->max_cell) {
        return request_fail(csv->request, 413, "The row on line %llu is "
                            "larger than max_cell (%zu bytes)",
                            (unsigned long long) csv->record_line,
                            csv->request->limits->max_cell);
    }

    switch (csv->state) {

    case IN_QUOTES:
        if (byte == '"') {
            csv->state = QUOTE_IN_QUOTES;
        } else {
            qsn_buf_byte(&csv->text, byte);
        }

        return 0;

    case QUOTE_IN_QUOTES:
        if (byte == '"') {
            csv->state = IN_QUOTES;
            qsn_buf_byte(&csv->text, byte);
            return 0;
        }

        csv->state = IN_FIELD;
        break;

    case FIELD_START:
        if (byte == '"') {
            csv->state = IN_QUOTES;
            csv->seen_any = 1;
            return 0;
        }

        break;

    case IN_FIELD:
        break;
    }

    if (byte == '\n') {
        return end_record(csv);
    }

    csv->seen_any = 1;

    if (byte == ',') {
        return end_field(csv);
    }

    csv->state = IN_FIELD;
    qsn_buf_byte(&csv->text, byte);

    return 0;
}


static int
end_field(request_csv_t *csv)
{
    if (csv->count == csv->capacity) {
        size_t capacity = csv->capacity ? csv->capacity * 2 : 32;
        size_t *ends = realloc(csv->ends, capacity * sizeof(*ends));

        if (ends == NULL) {
            return request_fail(csv->request, 503, "out of memory");
        }

        csv->ends = ends;
        csv->capacity = capacity;
    }

    if (csv->text.failed) {
        return request_fail(csv->request, 503, "out of memory");
    }

    csv->ends[csv->count++] = csv->text.length;
    csv->state = FIELD_START;

    return 0;
}


static int
end_record(request_csv_t *csv)
{
    request_t *request = csv->request;
    table_t *table = &request->table;
    int rc = 0;

    size_t start = csv->count ? csv->ends[csv->count - 1] : 0;

    /* of CRLF, if it is in this field */
    if (csv->text.length > start
        && csv->text.data[csv->text.length - 1] == '\r')
    {
        csv->text.length--;
    }

    if (end_field(csv) != 0) {
        return -1;
    }

    switch (csv->record) {

    case RECORD_OPTIONS:
        rc = take_options(csv);
        break;

    case RECORD_TABLE_NAME:
        {
            text_t name = csv_field_trimmed(field(csv, 0));

            request->has_table = 1;
            rc = request_set_text(request, &table->name, name.data,
                                  name.length);
        }

        break;

    case RECORD_COLUMN_NAMES:
        table->has_column_names = 1;
        rc = take_list(csv, &table->column_names);
        break;

    case RECORD_COLUMN_TYPES:
        table->has_column_types = 1;
        rc = take_types(csv);
        break;

    case RECORD_DESCRIPTIONS:
        break;                  /* nobody asks for them */

    case RECORD_ROW:
        rc = take_row(csv);
        break;
    }

    if (csv->record < RECORD_ROW) {
        csv->record++;
    }

    qsn_buf_clear(&csv->text);
    csv->count = 0;
    csv->seen_any = 0;
    csv->record_line = csv->line;

    return rc;
}


static text_t
field(const request_csv_t *csv, size_t i)
{
    size_t start = i ? csv->ends[i - 1] : 0;

    return (text_t) {
        .data = csv->text.data ? csv->text.data + start : "",
        .length = csv->ends[i] - start
    };
}


/* "1,identity=x,persist=yes": what is no known option is ignored, such as
   the format's version number. */
static int
take_options(request_csv_t *csv)
{
    for (size_t i = 0; i < csv->count; i++) {
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
    if (csv->count > csv->request->limits->max_columns) {
        return request_fail(csv->request, 413, "Parse error on line %llu: "
                            "%zu columns are more than max_columns (%zu)",
                            (unsigned long long) csv->record_line, csv->count,
                            csv->request->limits->max_columns);
    }

    for (size_t i = 0; i < csv->count; i++) {
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
                            (unsigned long long) csv->record_line,
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
                                (unsigned long long) csv->record_line,
                                i + 1);
        }
    }

    return 0;
}


static int
take_row(request_csv_t *csv)
{
    request_t *request = csv->request;
    table_t *table = &request->table;

    if (csv->count != table->row_width) {
        return request_fail(request, 400, "Wrong number of cells on line "
                            "%llu: %zu, expected %zu",
                            (unsigned long long) csv->record_line,
                            csv->seen_any ? csv->count : (size_t) 0,
                            table->row_width);
    }

    for (size_t i = 0; i < csv->count; i++) {
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
                            (unsigned long long) csv->record_line, i + 1,
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
