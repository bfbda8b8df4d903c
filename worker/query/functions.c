/*
 * instr(), replace() and the trims are written anew, in linear time: theirs
 * compare a needle, or a set of characters, anew at each place.
 *
 * printf(), json_patch(), json_set() and json_insert() are looked at before
 * SQLite's own does the work: a width, a number of keys or a depth past the
 * bound is refused.  SQLite does not hand its own function out once another
 * has the name, so a second, empty database, in which it still has it, is
 * asked (original_call()).
 *
 * Measured with SQLite 3.40 and values of 1 MB: instr() and replace() 5 s,
 * trim() minutes, printf('%.*c', 2147483647, 'x') 8 s, json_patch() of two
 * objects with 100,000 keys 30 s; json_set() with a path of 500,000 steps
 * runs out of stack.  All others end within 0.5 s: LIKE and GLOB because
 * their pattern is at most LIKE_PATTERN_MAX bytes (policy.c).
 */

#include "functions.h"

#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* New in SQLite 3.45, which wants to be told. */
#ifndef SQLITE_RESULT_SUBTYPE
#define SQLITE_RESULT_SUBTYPE  0
#endif

#define FLAGS  (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS        \
                | SQLITE_SUBTYPE | SQLITE_RESULT_SUBTYPE)

#define JSON_SUBTYPE    'J'     /* what SQLite marks JSON with */
#define JSON_STEPS_MAX  1000    /* of a path: half as deep as JSON may be */
#define IS_TAIL(byte)   (((byte) & 0xc0) == 0x80)

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

typedef struct {
    policy_limits_t limits;
    sqlite3 *db;                /* the empty one, NULL: not needed yet */
    sqlite3_stmt *prepared;     /* calls the function used last */
    char *sql;                  /* its text */
    unsigned users;             /* functions that have this as their data */
} functions_t;

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

typedef void function_t(sqlite3_context *context, int argc,
    sqlite3_value **argv);

static void call_instr(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void instr_in(sqlite3_context *context, sqlite3_value *haystack,
    sqlite3_value *needle, int is_text);
static void call_replace(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static const char *find(const char *text, const char *end, const char *part,
    size_t length);
static void call_trim(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void call_ltrim(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void call_rtrim(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void trim(sqlite3_context *context, int argc, sqlite3_value **argv,
    int ends);
static int set_init(set_t *set, const unsigned char *text, size_t length);
static int set_has(const set_t *set, const unsigned char *data,
    size_t length);
static size_t character_size(const unsigned char *data, size_t left);
static int compare_pieces(const void *one, const void *two);
static void call_printf(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void call_format(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static uint64_t format_size(int argc, sqlite3_value **argv);
static void call_json_patch(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static uint64_t json_keys(sqlite3_value *value);
static void call_json_set(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void call_json_insert(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void edit_json(sqlite3_context *context, const char *name, int argc,
    sqlite3_value **argv);
static uint64_t path_steps(sqlite3_value *path);
static void original_call(sqlite3_context *context, const char *name,
    int argc, sqlite3_value **argv);
static int original_prepare(functions_t *functions, char *sql);
static int original_open(functions_t *functions);
static void mark_json(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static void functions_let_go(void *data);

static const struct {
    const char *name;
    int argc;
    function_t *call;
} bounded[] = {
    { "instr", 2, call_instr },
    { "replace", 3, call_replace },
    { "trim", 1, call_trim },
    { "trim", 2, call_trim },
    { "ltrim", 1, call_ltrim },
    { "ltrim", 2, call_ltrim },
    { "rtrim", 1, call_rtrim },
    { "rtrim", 2, call_rtrim },
    { "printf", -1, call_printf },
    { "format", -1, call_format },
    { "json_patch", 2, call_json_patch },
    { "json_set", -1, call_json_set },
    { "json_insert", -1, call_json_insert }
};


int
functions_register(sqlite3 *db, const policy_limits_t *limits)
{
    functions_t *functions = sqlite3_malloc64(sizeof(*functions));
    int rc = SQLITE_OK;

    if (functions == NULL) {
        return SQLITE_NOMEM;
    }

    memset(functions, 0, sizeof(*functions));
    functions->limits = *limits;
    functions->users = 1;       /* this one */

    for (size_t i = 0; i < sizeof(bounded) / sizeof(bounded[0])
         && rc == SQLITE_OK; i++)
    {
        functions->users++;     /* SQLite lets go even when it fails */
        rc = sqlite3_create_function_v2(db, bounded[i].name,
                                        bounded[i].argc, FLAGS, functions,
                                        bounded[i].call, NULL, NULL,
                                        functions_let_go);
    }

    functions_let_go(functions);

    return rc;
}


/* Characters count where one of the two is no blob. */
static void
call_instr(sqlite3_context *context, int argc, sqlite3_value **argv)
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


static void
call_replace(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const functions_t *functions = sqlite3_user_data(context);
    const char *text = (const char *) sqlite3_value_text(argv[0]);
    size_t length = (size_t) sqlite3_value_bytes(argv[0]);
    const char *old = (const char *) sqlite3_value_text(argv[1]);
    size_t old_length = (size_t) sqlite3_value_bytes(argv[1]);
    const char *new = (const char *) sqlite3_value_text(argv[2]);
    size_t new_length = (size_t) sqlite3_value_bytes(argv[2]);
    const char *end, *found;
    uint64_t size = length;

    (void) argc;

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

    if (size > functions->limits.max_cell + POLICY_CELL_MARGIN) {
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


/* A single byte is what most look for. */
static const char *
find(const char *text, const char *end, const char *part, size_t length)
{
    size_t left = (size_t) (end - text);

    return length == 1 ? memchr(text, part[0], left)
                       : memmem(text, left, part, length);
}


static void
call_trim(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    trim(context, argc, argv, TRIM_LEFT | TRIM_RIGHT);
}


static void
call_ltrim(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    trim(context, argc, argv, TRIM_LEFT);
}


static void
call_rtrim(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    trim(context, argc, argv, TRIM_RIGHT);
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


static void
call_printf(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const functions_t *functions = sqlite3_user_data(context);

    if (format_size(argc, argv) > functions->limits.max_cell) {
        sqlite3_result_error_toobig(context);
        return;
    }

    original_call(context, "printf", argc, argv);
}


static void
call_format(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    call_printf(context, argc, argv);
}


/*
 * All widths and precisions of a format together: at most that many bytes
 * are filled in, or looked at, beyond those of the arguments.  Numbers wrap
 * as SQLite lets them; each * takes an argument, as each conversion does.
 */
static uint64_t
format_size(int argc, sqlite3_value **argv)
{
    const char *p = argc ? (const char *) sqlite3_value_text(argv[0]) : NULL;
    uint64_t size = 0;
    int next = 1;

    while (p && (p = strchr(p, '%'))) {
        uint32_t number = 0;

        for (p++; *p && strchr("-+ #!0123456789,.*l", *p); p++) {
            if (*p == '*') {
                sqlite3_int64 given = next < argc
                                      ? sqlite3_value_int64(argv[next]) : 0;
                int value = (int) given;

                number = value < 0 ? 0 - (uint32_t) value
                                   : (uint32_t) value;
                next++;
                size += number & INT_MAX;
                number = 0;

            } else if (*p >= '0' && *p <= '9') {
                number = number * 10 + (uint32_t) (*p - '0');

            } else {
                size += number & INT_MAX;
                number = 0;
            }
        }

        size += number & INT_MAX;

        if (*p == '\0') {
            break;
        }

        next += *p != '%' && *p != 'n';
        p++;
    }

    return size;
}


/* SQLite compares each key of one with each of the other. */
static void
call_json_patch(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const functions_t *functions = sqlite3_user_data(context);
    uint64_t pairs = json_keys(argv[0]) * json_keys(argv[1]);
    char error[160];

    if (pairs > functions->limits.max_work) {
        (void) snprintf(error, sizeof(error), "json_patch() has %" PRIu64
                        " pairs of keys to compare: option query_max_work"
                        " allows %" PRIu64, pairs,
                        functions->limits.max_work);
        sqlite3_result_error(context, error, -1);
        return;
    }

    original_call(context, "json_patch", argc, argv);
}


/* At most as many as there are colons outside of strings. */
static uint64_t
json_keys(sqlite3_value *value)
{
    const char *text = (const char *) sqlite3_value_text(value);
    uint64_t keys = 0;
    int in_string = 0;

    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == '"') {
            in_string = !in_string;
        } else if (*p == '\\' && in_string && p[1]) {
            p++;
        } else {
            keys += *p == ':' && !in_string;
        }
    }

    return keys;
}


static void
call_json_set(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    edit_json(context, "json_set", argc, argv);
}


static void
call_json_insert(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    edit_json(context, "json_insert", argc, argv);
}


/* Each step of a path that is not there yet is a call within a call. */
static void
edit_json(sqlite3_context *context, const char *name, int argc,
    sqlite3_value **argv)
{
    char error[96];

    for (int i = 1; i < argc; i += 2) {
        if (path_steps(argv[i]) > JSON_STEPS_MAX) {
            (void) snprintf(error, sizeof(error), "%s(): a path of more than"
                            " %d steps", name, JSON_STEPS_MAX);
            sqlite3_result_error(context, error, -1);
            return;
        }
    }

    original_call(context, name, argc, argv);
}


static uint64_t
path_steps(sqlite3_value *path)
{
    const char *p = (const char *) sqlite3_value_text(path);
    uint64_t steps = 0;

    for (/* void */; p && *p; p++) {
        steps += *p == '.' || *p == '[';
    }

    return steps;
}


/* Calls SQLite's own function, and passes on what it says. */
static void
original_call(sqlite3_context *context, const char *name, int argc,
    sqlite3_value **argv)
{
    functions_t *functions = sqlite3_user_data(context);
    sqlite3_str *text = sqlite3_str_new(NULL);
    int rc;

    sqlite3_str_appendf(text, "SELECT %s(", name);

    /* JSON as an argument is not a string that looks like it. */
    for (int i = 0; i < argc; i++) {
        int is_json = sqlite3_value_subtype(argv[i]) == JSON_SUBTYPE;

        sqlite3_str_appendf(text, is_json ? "%smark_json(?%d)" : "%s?%d",
                            i ? "," : "", i + 1);
    }

    sqlite3_str_appendchar(text, 1, ')');
    rc = original_prepare(functions, sqlite3_str_finish(text));

    for (int i = 0; i < argc && rc == SQLITE_OK; i++) {
        rc = sqlite3_bind_value(functions->prepared, i + 1, argv[i]);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(functions->prepared);
    }

    if (rc == SQLITE_ROW) {
        sqlite3_result_value(context,
                             sqlite3_column_value(functions->prepared, 0));

    } else if (rc == SQLITE_NOMEM) {
        sqlite3_result_error_nomem(context);

    } else if (rc == SQLITE_TOOBIG) {
        sqlite3_result_error_toobig(context);

    } else {
        sqlite3_result_error(context, sqlite3_errmsg(functions->db), -1);
    }

    if (functions->prepared) {
        (void) sqlite3_reset(functions->prepared);
        (void) sqlite3_clear_bindings(functions->prepared);
    }
}


/* Takes sql over.  The statement used last is kept: a query calls the same
   function for each row. */
static int
original_prepare(functions_t *functions, char *sql)
{
    int rc = SQLITE_OK;

    if (sql == NULL) {
        return SQLITE_NOMEM;
    }

    if (functions->sql && strcmp(functions->sql, sql) == 0) {
        sqlite3_free(sql);
        return SQLITE_OK;
    }

    (void) sqlite3_finalize(functions->prepared);
    functions->prepared = NULL;
    sqlite3_free(functions->sql);
    functions->sql = sql;

    if (functions->db == NULL) {
        rc = original_open(functions);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v3(functions->db, sql, -1,
                                SQLITE_PREPARE_PERSISTENT,
                                &functions->prepared, NULL);
    }

    if (rc != SQLITE_OK) {
        sqlite3_free(functions->sql);
        functions->sql = NULL;
    }

    return rc;
}


static int
original_open(functions_t *functions)
{
    uint64_t length = functions->limits.max_cell + POLICY_CELL_MARGIN;
    int rc = sqlite3_open_v2(":memory:", &functions->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY
                             | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        (void) sqlite3_limit(functions->db, SQLITE_LIMIT_LENGTH,
                             length > INT_MAX ? INT_MAX : (int) length);
        rc = sqlite3_create_function(functions->db, "mark_json", 1, FLAGS,
                                     NULL, mark_json, NULL, NULL);
    }

    if (rc != SQLITE_OK) {
        (void) sqlite3_close(functions->db);
        functions->db = NULL;
    }

    return rc;
}


/* json() would do that, too, but refuses what SQLite takes from itself. */
static void
mark_json(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void) argc;

    sqlite3_result_value(context, argv[0]);
    sqlite3_result_subtype(context, JSON_SUBTYPE);
}


/* One of the functions is gone; the last one takes everything along. */
static void
functions_let_go(void *data)
{
    functions_t *functions = data;

    if (--functions->users > 0) {
        return;
    }

    (void) sqlite3_finalize(functions->prepared);
    (void) sqlite3_close(functions->db);
    sqlite3_free(functions->sql);
    sqlite3_free(functions);
}
