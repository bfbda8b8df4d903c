/*
 * instr(), replace() and the trims are written anew (bounded_text.c).
 *
 * printf(), json_patch(), json_set() and json_insert() are looked at before
 * SQLite's own does the work (original.c): a width, a number of keys or a
 * depth past the bound is refused.
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
#include <string.h>

#include "bounded_text.h"
#include "original.h"

#define JSON_STEPS_MAX  1000    /* of a path: half as deep as JSON may be */

typedef struct {
    policy_limits_t limits;
    original_t original;
    unsigned users;             /* functions that have this as their data */
} functions_t;

typedef void function_t(sqlite3_context *context, int argc,
    sqlite3_value **argv);

static void call_replace(sqlite3_context *context, int argc,
    sqlite3_value **argv);
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
static void functions_let_go(void *data);

static const struct {
    const char *name;
    int argc;
    function_t *call;
} bounded[] = {
    { "instr", 2, bounded_text_instr },
    { "replace", 3, call_replace },
    { "trim", 1, bounded_text_trim },
    { "trim", 2, bounded_text_trim },
    { "ltrim", 1, bounded_text_ltrim },
    { "ltrim", 2, bounded_text_ltrim },
    { "rtrim", 1, bounded_text_rtrim },
    { "rtrim", 2, bounded_text_rtrim },
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
    functions->original.max_length = limits->max_cell + POLICY_CELL_MARGIN;
    functions->users = 1;       /* this one */

    for (size_t i = 0; i < sizeof(bounded) / sizeof(bounded[0])
         && rc == SQLITE_OK; i++)
    {
        functions->users++;     /* SQLite lets go even when it fails */
        rc = sqlite3_create_function_v2(db, bounded[i].name,
                                        bounded[i].argc, ORIGINAL_FLAGS,
                                        functions, bounded[i].call, NULL,
                                        NULL, functions_let_go);
    }

    functions_let_go(functions);

    return rc;
}


static void
call_replace(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const functions_t *functions = sqlite3_user_data(context);

    (void) argc;

    bounded_text_replace(context, argv, functions->limits.max_cell
                                        + POLICY_CELL_MARGIN);
}


static void
call_printf(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    functions_t *functions = sqlite3_user_data(context);

    if (format_size(argc, argv) > functions->limits.max_cell) {
        sqlite3_result_error_toobig(context);
        return;
    }

    original_call(&functions->original, context, "printf", argc, argv);
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
    functions_t *functions = sqlite3_user_data(context);
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

    original_call(&functions->original, context, "json_patch", argc, argv);
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
    functions_t *functions = sqlite3_user_data(context);
    char error[96];

    for (int i = 1; i < argc; i += 2) {
        if (path_steps(argv[i]) > JSON_STEPS_MAX) {
            (void) snprintf(error, sizeof(error), "%s(): a path of more than"
                            " %d steps", name, JSON_STEPS_MAX);
            sqlite3_result_error(context, error, -1);
            return;
        }
    }

    original_call(&functions->original, context, name, argc, argv);
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


/* One of the functions is gone; the last one takes everything along. */
static void
functions_let_go(void *data)
{
    functions_t *functions = data;

    if (--functions->users > 0) {
        return;
    }

    original_free(&functions->original);
    sqlite3_free(functions);
}
