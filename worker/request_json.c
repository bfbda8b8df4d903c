/*
 * The bytes of a body on their way to yajl, what yajl cannot read, and what
 * it need not.
 *
 * Python's NaN, Infinity and -Infinity may stand for a cell; JSON has no word
 * for them, and yajl stops there.  Then a new yajl takes over: it is fed
 * brackets and a value that bring it to the same place, and goes on behind
 * the word.  What JSON has costs nothing for it.
 *
 * By the same means plain rows, most of a body, are read without yajl
 * (json_row.c): it is stopped at the beginning of the rows, and behind a row
 * that was not plain, and a new one goes on behind those that are.
 */

#include "request_json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_row.h"
#include "request_json_private.h"

#define WORD_MAX  9             /* bytes of "-Infinity" */

static const struct {
    const char *word;           /* of Python's, in a cell */
    cell_t cell;
} words[] = {
    { "NaN", { .kind = CELL_NULL } },
    { "Infinity", { .kind = CELL_REAL, .as.real = INFINITY } },
    { "-Infinity", { .kind = CELL_REAL, .as.real = -INFINITY } },
    { NULL, { .kind = CELL_NULL } }
};

static size_t half_word(const char *data, size_t length);
static int parse(request_json_t *json, const char *data, size_t length);
static void remember_last(request_json_t *json, const char *data,
    size_t length);
static size_t take_word(request_json_t *json, const char *data,
    size_t length);
static size_t take_rows(request_json_t *json, const char *data,
    size_t length);
static int take_row(request_json_t *json, const json_row_t *row);
static int go_on(request_json_t *json, const char *bridge);
static void count_lines(request_json_t *json, const char *data,
    size_t length);
static int parse_error(request_json_t *json, const void *data,
    size_t length);


request_json_t *
request_json_create(request_t *request)
{
    request_json_t *json = calloc(1, sizeof(*json));

    if (json == NULL) {
        return NULL;
    }

    json->request = request;
    json->place = AT_START;
    json->yajl = yajl_alloc(&request_json_callbacks, NULL, json);

    if (json->yajl == NULL) {
        free(json);
        return NULL;
    }

    return json;
}


void
request_json_destroy(request_json_t *json)
{
    if (json) {
        yajl_free(json->yajl);
        qsn_buf_free(&json->held);
        free(json);
    }
}


int
request_json_feed(request_json_t *json, const void *data, size_t length)
{
    qsn_buf_t joined = json->held;
    size_t hold;
    int rc;

    if (json->request->status) {
        return -1;
    }

    if (joined.length) {
        qsn_buf_append(&joined, data, length);
        memset(&json->held, 0, sizeof(json->held));
        data = joined.data;
        length = joined.length;
    }

    /* a word that begins here is looked at when all of it is */
    hold = half_word(data, length);
    qsn_buf_append(&json->held, (const char *) data + length - hold, hold);
    rc = json->held.failed || joined.failed
         ? request_fail(json->request, 503, "out of memory")
         : parse(json, data, length - hold);

    if (data == joined.data) {
        qsn_buf_free(&joined);
    }

    return rc;
}


int
request_json_finish(request_json_t *json)
{
    if (json->request->status
        || parse(json, json->held.data, json->held.length) != 0)
    {
        return -1;
    }

    if (yajl_complete_parse(json->yajl) != yajl_status_ok) {
        return parse_error(json, "", 0);
    }

    if (json->place != AT_END) {
        return request_fail(json->request, 400,
                            "%s: it is empty",
                            json->request->parse_phrase);
    }

    return 0;
}


/* Trailing bytes that are the beginning of one of Python's words, where a
   cell may begin. */
static size_t
half_word(const char *data, size_t length)
{
    size_t hold = length < WORD_MAX ? length : WORD_MAX - 1;

    for (/* void */; hold; hold--) {
        const char *begin = data + length - hold;

        if (hold < length && !strchr("[, \t\n\v\f\r", begin[-1])) {
            continue;
        }

        for (size_t i = 0; words[i].word; i++) {
            if (strncmp(words[i].word, begin, hold) == 0) {
                return hold;
            }
        }
    }

    return 0;
}


static int
parse(request_json_t *json, const char *data, size_t length)
{
    json->not_plain = 0;
    json->fed = length;

    while (length
           && yajl_parse(json->yajl, (const unsigned char *) data, length)
              != yajl_status_ok)
    {
        size_t taken = json->stopped ? take_rows(json, data, length)
                                     : take_word(json, data, length);

        if (taken == 0) {
            return parse_error(json, data, length);
        }

        remember_last(json, data, taken);
        count_lines(json, data, taken);
        data += taken;
        length -= taken;
        json->fed = length;
    }

    if (length) {
        remember_last(json, data, length);
        count_lines(json, data, length);
    }

    return 0;
}


static void
remember_last(request_json_t *json, const char *data, size_t length)
{
    while (length && isspace((unsigned char) data[length - 1])) {
        length--;
    }

    if (length) {
        json->last = data[length - 1];
    }
}


/* yajl stopped: if at one of Python's words in a cell, takes it and returns
   the bytes up to its end, else 0. */
static size_t
take_word(request_json_t *json, const char *data, size_t length)
{
    size_t stop = yajl_get_bytes_consumed(json->yajl);

    if (json->request->status || json->place != AT_CELL || stop == 0
        || stop > length)
    {
        return 0;
    }

    remember_last(json, data, stop - 1);

    if (json->last != '[' && json->last != ',') {
        return 0;               /* no cell may begin here */
    }

    for (size_t i = 0; words[i].word; i++) {
        size_t size = strlen(words[i].word);

        if (length - (stop - 1) >= size
            && memcmp(data + stop - 1, words[i].word, size) == 0)
        {
            if (go_on(json, "{\"\":{\"\":[[null") != 0
                || request_json_add_cell(json, &words[i].cell) != 0)
            {
                return 0;
            }

            return stop - 1 + size;
        }
    }

    return 0;
}


/* yajl was stopped: takes plain rows and returns the bytes up to the end of
   the last, or 0. */
static size_t
take_rows(request_json_t *json, const char *data, size_t length)
{
    size_t at = yajl_get_bytes_consumed(json->yajl);
    int is_first = data[at - 1] == '[';
    int taken = 0;
    size_t size;
    json_row_t row;

    json->stopped = 0;

    do {
        const char *begin = data + at;
        const char *end = data + length;

        if (!is_first) {
            begin = json_row_skip_space(begin, end);

            if (begin == end || *begin != ',') {
                break;
            }

            begin++;
        }

        size = json_row_read(begin, (size_t) (end - begin), &row);

        if (size) {
            if (take_row(json, &row) != 0) {
                return 0;
            }

            at = (size_t) (begin - data) + size;
            is_first = 0;
            taken = 1;
        }
    } while (size);

    json->not_plain = !taken;

    return go_on(json, is_first ? "{\"\":{\"\":["
                                : "{\"\":{\"\":[null") == 0 ? at : 0;
}


static int
take_row(request_json_t *json, const json_row_t *row)
{
    json->row_cells = 0;
    json->row_bytes = 0;

    for (size_t i = 0; i < row->count; i++) {
        if (request_json_add_cell(json, &row->cells[i]) != 0) {
            return -1;
        }
    }

    return request_json_end_row(json);
}


/* A new yajl, as if it had read what there was so far. */
static int
go_on(request_json_t *json, const char *bridge)
{
    yajl_handle next = yajl_alloc(&request_json_callbacks, NULL, json);

    if (next == NULL) {
        return request_fail(json->request, 503, "out of memory");
    }

    yajl_free(json->yajl);
    json->yajl = next;
    json->replaying = 1;
    (void) yajl_parse(next, (const unsigned char *) bridge, strlen(bridge));
    json->replaying = 0;

    return 0;
}


static void
count_lines(request_json_t *json, const char *data, size_t length)
{
    const char *at = data;
    const char *end = data + length;

    while ((at = memchr(at, '\n', (size_t) (end - at))) != NULL) {
        at++;
        json->lines++;
        json->line_start = json->bytes + (uint64_t) (at - data);
    }

    json->bytes += length;
}


/* yajl stopped: at our word, or over the syntax; then say what and where. */
static int
parse_error(request_json_t *json, const void *data, size_t length)
{
    if (json->request->status) {
        return -1;
    }

    size_t consumed = yajl_get_bytes_consumed(json->yajl);
    unsigned char *text = yajl_get_error(json->yajl, 0, data, length);
    char what[160];

    (void) snprintf(what, sizeof(what), "%s",
                    text ? (const char *) text : "parse error");
    what[strcspn(what, "\n")] = '\0';
    yajl_free_error(json->yajl, text);

    count_lines(json, data, consumed < length ? consumed : length);

    return request_fail(json->request, 400, "%s: %s at line %llu column "
                        "%llu (byte %llu)", json->request->parse_phrase, what,
                        (unsigned long long) json->lines + 1,
                        (unsigned long long) (json->bytes - json->line_start)
                        + 1, (unsigned long long) json->bytes);
}
