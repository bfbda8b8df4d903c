/* A cell a step; each returns the byte behind it, or NULL: not plain. */

#include "json_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_reply.h"

#define SHORT_DIGITS  18        /* of any integer of 64 bits */
#define NUMBER_MAX    63        /* bytes */

static const char *read_cell(const char *at, const char *end, cell_t *cell);
static const char *read_text(const char *at, const char *end, cell_t *cell);
static const char *read_number(const char *at, const char *end,
    cell_t *cell);
static const char *skip_digits(const char *at, const char *end);
static const char *read_word(const char *at, const char *end, cell_t *cell);


size_t
json_row_read(const char *data, size_t length, json_row_t *row)
{
    const char *end = data + length;
    const char *at = json_row_skip_space(data, end);

    row->count = 0;

    if (at == end || *at != '[') {
        return 0;
    }

    at = json_row_skip_space(at + 1, end);

    if (at < end && *at == ']') {
        return (size_t) (at + 1 - data);
    }

    while (row->count < JSON_ROW_CELLS) {
        at = read_cell(at, end, &row->cells[row->count]);

        if (at == NULL) {
            return 0;
        }

        row->count++;
        at = json_row_skip_space(at, end);

        if (at == end || (*at != ',' && *at != ']')) {
            return 0;
        }

        if (*at == ']') {
            return (size_t) (at + 1 - data);
        }

        at = json_row_skip_space(at + 1, end);
    }

    return 0;
}


/* What yajl takes for space, too. */
const char *
json_row_skip_space(const char *data, const char *end)
{
    while (data < end && (*data == ' ' || (*data >= '\t' && *data <= '\r')))
    {
        data++;
    }

    return data;
}


int
json_row_short_integer(const char *text, size_t length, cell_t *cell)
{
    size_t i = text[0] == '-';
    int64_t value = 0;

    if (length > SHORT_DIGITS + i) {
        return 0;
    }

    for (/* void */; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;           /* a fraction or an exponent */
        }

        value = value * 10 + (text[i] - '0');
    }

    cell->kind = CELL_INTEGER;
    cell->as.integer = text[0] == '-' ? -value : value;

    return 1;
}


static const char *
read_cell(const char *at, const char *end, cell_t *cell)
{
    if (at == end) {
        return NULL;
    }

    if (*at == '"') {
        return read_text(at + 1, end, cell);
    }

    if ((*at >= '0' && *at <= '9')
        || (*at == '-' && end - at > 1 && at[1] != 'I'))
    {
        return read_number(at, end, cell);
    }

    return read_word(at, end, cell);
}


static const char *
read_text(const char *at, const char *end, cell_t *cell)
{
    unsigned char seen = 0;
    const char *text = at;

    for (/* void */; at < end && *at != '"'; at++) {
        if (*at == '\\' || (unsigned char) *at < 0x20) {
            return NULL;
        }

        seen |= (unsigned char) *at;
    }

    if (at == end
        || (seen & 0x80 && !qsn_utf8_valid(text, (size_t) (at - text))))
    {
        return NULL;
    }

    cell->kind = CELL_TEXT;
    cell->as.text.data = text;
    cell->as.text.length = (size_t) (at - text);

    return at + 1;
}


/* By JSON's grammar; what follows it is the caller's to look at. */
static const char *
read_number(const char *at, const char *end, cell_t *cell)
{
    const char *number = at;
    const char *digits = at + (*at == '-');
    char copy[NUMBER_MAX + 1];
    int is_integer = 1;

    at = skip_digits(digits, end);

    if (at == NULL || (*digits == '0' && at - digits > 1)) {
        return NULL;
    }

    if (at < end && *at == '.') {
        is_integer = 0;
        at = skip_digits(at + 1, end);
    }

    if (at && at < end && (*at == 'e' || *at == 'E')) {
        is_integer = 0;
        at++;
        at = skip_digits(at + (at < end && (*at == '+' || *at == '-')), end);
    }

    if (at == NULL) {
        return NULL;
    }

    size_t length = (size_t) (at - number);

    if (is_integer) {
        return json_row_short_integer(number, length, cell) ? at : NULL;
    }

    if (length > NUMBER_MAX) {
        return NULL;
    }

    memcpy(copy, number, length);
    copy[length] = '\0';
    cell->kind = CELL_REAL;
    cell->as.real = strtod(copy, NULL);

    return isfinite(cell->as.real) ? at : NULL;
}


/* One at least. */
static const char *
skip_digits(const char *at, const char *end)
{
    const char *first = at;

    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }

    return at > first ? at : NULL;
}


static const char *
read_word(const char *at, const char *end, cell_t *cell)
{
    static const struct {
        const char *word;
        cell_t cell;
    } words[] = {
        { "null", { .kind = CELL_NULL } },
        { "true", { .kind = CELL_INTEGER, .as.integer = 1 } },
        { "false", { .kind = CELL_INTEGER, .as.integer = 0 } },
        { "NaN", { .kind = CELL_NULL } },
        { "Infinity", { .kind = CELL_REAL, .as.real = INFINITY } },
        { "-Infinity", { .kind = CELL_REAL, .as.real = -INFINITY } }
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i].word);

        if ((size_t) (end - at) >= size
            && memcmp(at, words[i].word, size) == 0)
        {
            *cell = words[i].cell;
            return at + size;
        }
    }

    return NULL;
}
