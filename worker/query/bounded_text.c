/*
 * SQLite's own compare a needle, or a set of characters, anew at each place.
 * Here a needle is found by the C library, and a set is sorted once.
 *
 * A character is what it is to SQLite: a byte and, where that is a leading
 * one, the tails behind it, whether that is UTF-8 or not.
 */

#include "bounded_text.h"

#include <stdlib.h>
#include <string.h>

#define IS_TAIL(byte)   (((byte) & 0xc0) == 0x80)

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

/* The characters of a set, as pieces of its text. */
typedef struct {
    const unsigned char *data;
    size_t length;
} piece_t;

typedef struct {
    uint8_t single[256];        /* by byte: it is in the set */
    piece_t *longer;            /* those of several bytes, sorted */
    size_t count;
} set_t;

static void instr_in(sqlite3_context *context, sqlite3_value *haystack,
    sqlite3_value *needle, int is_text);
static const char *find(const char *text, const char *end, const char *part,
    size_t length);
static void trim(sqlite3_context *context, int argc, sqlite3_value **argv,
    int ends);
static int set_init(set_t *set, const unsigned char *text, size_t length);
static int set_has(const set_t *set, const unsigned char *data,
    size_t length);
static size_t character_size(const unsigned char *data, size_t left);
static int compare_pieces(const void *one, const void *two);


/* Characters count where one of the two is no blob. */
void
bounded_text_instr(sqlite3_context *context, int argc,
    sqlite3_value **argv)
{
    int one = sqlite3_value_type(argv[0]);
    int two = sqlite3_value_type(argv[1]);

    (void) argc;

    if (one == SQLITE_NULL || two == SQLITE_NULL) {
        return;
    }

    if ((one == SQLITE_BLOB) == (two == SQLITE_BLOB)) {
        instr_in(context, argv[0], argv[1], one != SQLITE_BLOB);
        return;
    }

    /* Looking at a blob as text changes the value for those after us. */
    sqlite3_value *haystack = sqlite3_value_dup(argv[0]);
    sqlite3_value *needle = sqlite3_value_dup(argv[1]);

    if (haystack && needle) {
        instr_in(context, haystack, needle, 1);
    } else {
        sqlite3_result_error_nomem(context);
    }

    sqlite3_value_free(haystack);
    sqlite3_value_free(needle);
}


void
bounded_text_replace(sqlite3_context *context, sqlite3_value **argv,
    uint64_t max)
{
    const char *text = (const char *) sqlite3_value_text(argv[0]);
    size_t length = (size_t) sqlite3_value_bytes(argv[0]);
    const char *old = (const char *) sqlite3_value_text(argv[1]);
    size_t old_length = (size_t) sqlite3_value_bytes(argv[1]);
    const char *new = (const char *) sqlite3_value_text(argv[2]);
    size_t new_length = (size_t) sqlite3_value_bytes(argv[2]);
    const char *end, *found;
    uint64_t size = length;

    if (text == NULL || old == NULL) {
        return;
    }

    if (old[0] == '\0') {
        sqlite3_result_value(context, argv[0]);
        return;
    }

    if (new == NULL) {
        return;
    }

    end = text + length;

    for (const char *p = text; (found = find(p, end, old, old_length));
         p = found + old_length)
    {
        size += new_length;
        size -= old_length;
    }

    if (size > max) {
        sqlite3_result_error_toobig(context);
        return;
    }

    char *out = sqlite3_malloc64(size + 1);
    char *to = out;

    if (out == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }

    while ((found = find(text, end, old, old_length))) {
        memcpy(to, text, (size_t) (found - text));
        to += found - text;
        memcpy(to, new, new_length);
        to += new_length;
        text = found + old_length;
    }

    memcpy(to, text, (size_t) (end - text));
    out[size] = '\0';
    sqlite3_result_text64(context, out, size, sqlite3_free, SQLITE_UTF8);
}


void
bounded_text_trim(sqlite3_context *context, int argc,
    sqlite3_value **argv)
{
    trim(context, argc, argv, TRIM_LEFT | TRIM_RIGHT);
}


void
bounded_text_ltrim(sqlite3_context *context, int argc,
    sqlite3_value **argv)
{
    trim(context, argc, argv, TRIM_LEFT);
}


void
bounded_text_rtrim(sqlite3_context *context, int argc,
    sqlite3_value **argv)
{
    trim(context, argc, argv, TRIM_RIGHT);
}


static void
instr_in(sqlite3_context *context, sqlite3_value *haystack,
    sqlite3_value *needle, int is_text)
{
    const unsigned char *data = is_text ? sqlite3_value_text(haystack)
                                        : sqlite3_value_blob(haystack);
    const unsigned char *part = is_text ? sqlite3_value_text(needle)
                                        : sqlite3_value_blob(needle);
    size_t length = (size_t) sqlite3_value_bytes(haystack);
    size_t part_length = (size_t) sqlite3_value_bytes(needle);
    const unsigned char *found;
    sqlite3_int64 position = 1;

    if (part_length == 0) {
        sqlite3_result_int(context, 1);
        return;
    }

    if (part == NULL || (data == NULL && length)) {
        sqlite3_result_error_nomem(context);
        return;
    }

    /* What begins inside of a character is found at the very start alone. */
    if (data == NULL || length < part_length) {
        found = NULL;
    } else if (is_text && IS_TAIL(part[0])) {
        found = memcmp(data, part, part_length) == 0 ? data : NULL;
    } else {
        found = memmem(data, length, part, part_length);
    }

    for (size_t i = 1; found && i <= (size_t) (found - data); i++) {
        position += !(is_text && IS_TAIL(data[i]));
    }

    sqlite3_result_int64(context, found ? position : 0);
}


/* A single byte is what most look for. */
static const char *
find(const char *text, const char *end, const char *part, size_t length)
{
    size_t left = (size_t) (end - text);

    return length == 1 ? memchr(text, part[0], left)
                       : memmem(text, left, part, length);
}


static void
trim(sqlite3_context *context, int argc, sqlite3_value **argv, int ends)
{
    const unsigned char *text = sqlite3_value_text(argv[0]);
    size_t length = (size_t) sqlite3_value_bytes(argv[0]);
    const unsigned char *chars = (const unsigned char *) " ";
    set_t set;

    if (argc == 2) {
        chars = sqlite3_value_text(argv[1]);
    }

    if (text == NULL || chars == NULL) {
        return;
    }

    if (set_init(&set, chars, strlen((const char *) chars)) == -1) {
        sqlite3_result_error_nomem(context);
        return;
    }

    while (ends & TRIM_LEFT && length > 0) {
        size_t size = character_size(text, length);

        if (!set_has(&set, text, size)) {
            break;
        }

        text += size;
        length -= size;
    }

    while (ends & TRIM_RIGHT && length > 0) {
        size_t size = 1;

        while (size < length && IS_TAIL(text[length - size])) {
            size++;
        }

        if (!set_has(&set, text + length - size, size)) {
            break;
        }

        length -= size;
    }

    sqlite3_result_text64(context, (const char *) text, length,
                          SQLITE_TRANSIENT, SQLITE_UTF8);
    sqlite3_free(set.longer);
}


/* The set keeps pointers into text.  0, or -1 without memory. */
static int
set_init(set_t *set, const unsigned char *text, size_t length)
{
    size_t count = 0;
    size_t size;

    memset(set, 0, sizeof(*set));

    for (size_t i = 0; i < length; i += size) {
        size = character_size(text + i, length - i);

        if (size == 1) {
            set->single[text[i]] = 1;
        } else {
            count++;
        }
    }

    if (count == 0) {
        return 0;
    }

    set->longer = sqlite3_malloc64(count * sizeof(*set->longer));

    if (set->longer == NULL) {
        return -1;
    }

    for (size_t i = 0; i < length; i += size) {
        size = character_size(text + i, length - i);

        if (size > 1) {
            set->longer[set->count++] = (piece_t) { text + i, size };
        }
    }

    qsort(set->longer, set->count, sizeof(*set->longer), compare_pieces);

    return 0;
}


static int
set_has(const set_t *set, const unsigned char *data, size_t length)
{
    piece_t piece = { data, length };

    if (length == 1) {
        return set->single[data[0]];
    }

    return set->count
           && bsearch(&piece, set->longer, set->count, sizeof(piece),
                      compare_pieces) != NULL;
}


/* A byte, and what follows from a leading one: SQLite looks no closer. */
static size_t
character_size(const unsigned char *data, size_t left)
{
    size_t size = 1;

    while (data[0] >= 0xc0 && size < left && IS_TAIL(data[size])) {
        size++;
    }

    return size;
}


static int
compare_pieces(const void *one, const void *two)
{
    const piece_t *a = one;
    const piece_t *b = two;
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->data, b->data, length);

    return order ? order : (a->length > b->length) - (a->length < b->length);
}
