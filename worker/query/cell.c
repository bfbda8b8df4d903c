/* A column's value, reduced to what can be shown. */

#include "cell.h"

#include <math.h>

#include "qsn_reply.h"

static int is_utf8(const char *data, size_t length);


int
cell_load(cell_t *cell, sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    double real;

    cell->data = cell->number;
    cell->length = 0;

    switch (type) {

    case SQLITE_INTEGER:
        cell->kind = CELL_NUMBER;
        cell->length = number_from_int(cell->number,
                                       sqlite3_value_int64(value));
        return 0;

    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        cell->kind = isfinite(real) ? CELL_NUMBER : CELL_INFINITE;
        cell->length = number_from_double(cell->number, real);
        return 0;

    case SQLITE_TEXT:
        cell->kind = CELL_TEXT;
        cell->data = (const char *) sqlite3_value_text(value);
        break;

    case SQLITE_BLOB:
        cell->kind = CELL_TEXT;
        cell->data = sqlite3_value_blob(value);
        break;

    default:
        cell->kind = CELL_NULL;
        return 0;
    }

    cell->length = (size_t) sqlite3_value_bytes(value);

    if (cell->data == NULL) {
        cell->data = cell->number;
        return cell->length || type == SQLITE_TEXT ? -1 : 0;
    }

    if (type == SQLITE_BLOB && !is_utf8(cell->data, cell->length)) {
        cell->kind = CELL_HEX;
    }

    return 0;
}


size_t
cell_hex_width(size_t length)
{
    return length * 2 + 3;
}


void
cell_hex(qsn_buf_t *out, const char *data, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    char *p = qsn_buf_reserve(out, length * 2);

    if (p == NULL) {
        return;
    }

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char) data[i];

        *p++ = hex[byte >> 4];
        *p++ = hex[byte & 15];
    }

    qsn_buf_commit(out, length * 2);
}


static int
is_utf8(const char *data, size_t length)
{
    for (size_t i = 0; i < length; /* void */) {
        size_t size = qsn_utf8_size(data + i, length - i);

        if (size == 0) {
            return 0;
        }

        i += size;
    }

    return 1;
}
