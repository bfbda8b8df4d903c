/*
 * The lists.  A function that is not here can't be called, an action that
 * is not here can't be done: what a newer SQLite adds is refused until
 * someone has looked at it.
 */

#include "policy.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXPR_DEPTH_MAX    100
#define COMPOUND_MAX      50
#define FUNCTION_ARGS_MAX 64
#define LIKE_PATTERN_MAX  256   /* longer than the longest name */
#define VARIABLES_MAX     256
#define TRIGGER_DEPTH_MAX 1
#define COLUMNS_MAX       2000  /* as publishing allows, never less */

#define SCHEMA_SQL_MIN    (1024 * 1024) /* a CREATE TABLE of 2000 columns */

/* Tables of that prefix are the worker's own books. */
#define HIDDEN_PREFIX     "_qasino"
#define REPORTS_TABLE     "_qasino_reports"
#define REPORTS_VIEW      "qasino_server_reports"

enum { STEADY = 0, VOLATILE = POLICY_VOLATILE, TIMED = POLICY_TIMED };

/* Sorted, as SQLite spells them. */
static const struct function {
    const char *name;
    int nature;
} functions[] = {
    { "->", STEADY }, { "->>", STEADY }, { "abs", STEADY },
    { "acos", STEADY }, { "acosh", STEADY }, { "asin", STEADY },
    { "asinh", STEADY }, { "atan", STEADY }, { "atan2", STEADY },
    { "atanh", STEADY }, { "avg", STEADY }, { "ceil", STEADY },
    { "ceiling", STEADY }, { "changes", VOLATILE }, { "char", STEADY },
    { "coalesce", STEADY }, { "cos", STEADY }, { "cosh", STEADY },
    { "count", STEADY }, { "cume_dist", STEADY },
    { "current_date", TIMED }, { "current_time", TIMED },
    { "current_timestamp", TIMED }, { "date", TIMED },
    { "datetime", TIMED }, { "degrees", STEADY },
    { "dense_rank", STEADY }, { "exp", STEADY }, { "first_value", STEADY },
    { "floor", STEADY }, { "format", STEADY }, { "glob", STEADY },
    { "group_concat", STEADY }, { "hex", STEADY }, { "ifnull", STEADY },
    { "iif", STEADY }, { "instr", STEADY }, { "json", STEADY },
    { "json_array", STEADY }, { "json_array_length", STEADY },
    { "json_extract", STEADY }, { "json_group_array", STEADY },
    { "json_group_object", STEADY }, { "json_insert", STEADY },
    { "json_object", STEADY }, { "json_patch", STEADY },
    { "json_quote", STEADY }, { "json_remove", STEADY },
    { "json_replace", STEADY }, { "json_set", STEADY },
    { "json_type", STEADY }, { "json_valid", STEADY },
    { "julianday", TIMED }, { "lag", STEADY },
    { "last_insert_rowid", VOLATILE }, { "last_value", STEADY },
    { "lead", STEADY }, { "length", STEADY }, { "like", STEADY },
    { "likelihood", STEADY }, { "likely", STEADY }, { "ln", STEADY },
    { "log", STEADY }, { "log10", STEADY }, { "log2", STEADY },
    { "lower", STEADY }, { "ltrim", STEADY }, { "max", STEADY },
    { "min", STEADY }, { "mod", STEADY }, { "nth_value", STEADY },
    { "ntile", STEADY }, { "nullif", STEADY }, { "percent_rank", STEADY },
    { "pi", STEADY }, { "pow", STEADY }, { "power", STEADY },
    { "printf", STEADY }, { "quote", STEADY }, { "radians", STEADY },
    { "random", VOLATILE }, { "randomblob", VOLATILE }, { "rank", STEADY },
    { "replace", STEADY }, { "round", STEADY }, { "row_number", STEADY },
    { "rtrim", STEADY }, { "sign", STEADY }, { "sin", STEADY },
    { "sinh", STEADY }, { "soundex", STEADY }, { "sqrt", STEADY },
    { "strftime", TIMED }, { "substr", STEADY },
    { "substring", STEADY }, { "sum", STEADY }, { "tan", STEADY },
    { "tanh", STEADY }, { "time", TIMED }, { "total", STEADY },
    { "total_changes", VOLATILE }, { "trim", STEADY }, { "trunc", STEADY },
    { "typeof", STEADY }, { "unicode", STEADY }, { "unixepoch", TIMED },
    { "unlikely", STEADY }, { "upper", STEADY }, { "zeroblob", STEADY }
};

/* Refused actions that a user can ask for, to name them in the error. */
static const struct {
    int action;
    const char *name;
} actions[] = {
    { SQLITE_ATTACH, "ATTACH" },
    { SQLITE_DETACH, "DETACH" },
    { SQLITE_INSERT, "INSERT" },
    { SQLITE_UPDATE, "UPDATE" },
    { SQLITE_DELETE, "DELETE" },
    { SQLITE_TRANSACTION, "a transaction" },
    { SQLITE_SAVEPOINT, "SAVEPOINT" },
    { SQLITE_ANALYZE, "ANALYZE" },
    { SQLITE_REINDEX, "REINDEX" },
    { SQLITE_ALTER_TABLE, "ALTER TABLE" }
};

static const struct {
    int id;
    int value;
} limits_fixed[] = {
    { SQLITE_LIMIT_EXPR_DEPTH, EXPR_DEPTH_MAX },
    { SQLITE_LIMIT_COMPOUND_SELECT, COMPOUND_MAX },
    { SQLITE_LIMIT_VDBE_OP, POLICY_OPERATIONS_MAX },
    { SQLITE_LIMIT_FUNCTION_ARG, FUNCTION_ARGS_MAX },
    { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LIKE_PATTERN_MAX },
    { SQLITE_LIMIT_VARIABLE_NUMBER, VARIABLES_MAX },
    { SQLITE_LIMIT_TRIGGER_DEPTH, TRIGGER_DEPTH_MAX },
    { SQLITE_LIMIT_COLUMN, COLUMNS_MAX },
    { SQLITE_LIMIT_WORKER_THREADS, 0 },
    { SQLITE_LIMIT_ATTACHED, 0 }
};

static int authorize(void *data, int action, const char *one,
    const char *two, const char *schema, const char *trigger);
static int may_read(policy_t *policy, const char *table, const char *view);
static int may_call(policy_t *policy, const char *name);
static int may_pragma(policy_t *policy, const char *name, const char *arg);
static int refuse(policy_t *policy, const char *what, const char *name);
static int compare_function(const void *name, const void *entry);
static int is_hidden(const char *name);
static int clamp(size_t value);


policy_limits_t
policy_limits(const qsn_settings_t *settings)
{
    return (policy_limits_t) {
        .max_cell = (size_t) settings->max_cell,
        .max_sql = (size_t) settings->query_max_sql,
        .max_work = (uint64_t) settings->query_max_work
    };
}


int
policy_harden(sqlite3 *db)
{
    static const char *const modules[] = { "json_each", "json_tree", NULL };
    static const struct { int id; int value; } switches[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },
        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
        { SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 }
    };

    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        int rc = sqlite3_db_config(db, switches[i].id, switches[i].value,
                                   (int *) NULL);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }

    return sqlite3_drop_modules(db, (const char **) (void *) modules);
}


void
policy_close(sqlite3 *db, policy_t *policy, const policy_limits_t *limits)
{
    size_t sql = limits->max_sql < SCHEMA_SQL_MIN ? SCHEMA_SQL_MIN
                                                  : limits->max_sql;

    for (size_t i = 0; i < sizeof(limits_fixed) / sizeof(limits_fixed[0]);
         i++)
    {
        (void) sqlite3_limit(db, limits_fixed[i].id, limits_fixed[i].value);
    }

    (void) sqlite3_limit(db, SQLITE_LIMIT_LENGTH,
                         clamp(limits->max_cell + POLICY_CELL_MARGIN));
    /* Not the user's limit, statement.c has that: a schema that another
       process changes is parsed again under this one. */
    (void) sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, clamp(sql));

    (void) sqlite3_set_authorizer(db, authorize, policy);
}


void
policy_open(sqlite3 *db)
{
    (void) sqlite3_set_authorizer(db, NULL, NULL);
    (void) sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1);
}


void
policy_begin(policy_t *policy)
{
    policy->volatile_functions = 0;
    policy->refused[0] = '\0';
}


static int
authorize(void *data, int action, const char *one, const char *two,
    const char *schema, const char *trigger)
{
    policy_t *policy = data;

    (void) schema;

    switch (action) {

    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;

    case SQLITE_READ:
        return may_read(policy, one, trigger);

    case SQLITE_FUNCTION:
        return may_call(policy, two);

    case SQLITE_PRAGMA:
        return may_pragma(policy, one, two);

    default:
        break;
    }

    /* How SQLite brings a table-valued function into being. */
    if (action == SQLITE_UPDATE && strcmp(one, "sqlite_master") == 0) {
        return refuse(policy, "", "a table-valued function");
    }

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (actions[i].action == action) {
            return refuse(policy, "", actions[i].name);
        }
    }

    return refuse(policy, "", "changing the schema");
}


/*
 * view: through which one it is read, or NULL.  A subquery may call itself
 * as the view does, but there is nothing in the table to hide from it.
 */
static int
may_read(policy_t *policy, const char *table, const char *view)
{
    if (view && strcmp(view, REPORTS_VIEW) == 0
        && strcmp(table, REPORTS_TABLE) == 0)
    {
        return SQLITE_OK;
    }

    if (is_hidden(table)) {
        return refuse(policy, "table ", table);
    }

    if (strncasecmp(table, "pragma_", 7) == 0
        && strcasecmp(table, "pragma_table_info") != 0
        && strcasecmp(table, "pragma_table_xinfo") != 0)
    {
        return refuse(policy, "", table);
    }

    return SQLITE_OK;
}


static int
may_call(policy_t *policy, const char *name)
{
    const struct function *found;

    found = bsearch(name, functions,
                    sizeof(functions) / sizeof(functions[0]),
                    sizeof(functions[0]), compare_function);

    if (found == NULL) {
        return refuse(policy, "function ", name);
    }

    policy->volatile_functions |= found->nature;

    return SQLITE_OK;
}


/* Comes up when pragma_table_info() runs, with the table's name. */
static int
may_pragma(policy_t *policy, const char *name, const char *arg)
{
    if (strcasecmp(name, "table_info") != 0
        && strcasecmp(name, "table_xinfo") != 0)
    {
        return refuse(policy, "pragma ", name);
    }

    if (arg && is_hidden(arg)) {
        return refuse(policy, "table ", arg);
    }

    return SQLITE_OK;
}


static int
refuse(policy_t *policy, const char *what, const char *name)
{
    if (policy->refused[0] == '\0') {
        (void) snprintf(policy->refused, sizeof(policy->refused), "%s%s",
                        what, name ? name : "?");
    }

    return SQLITE_DENY;
}


static int
compare_function(const void *name, const void *entry)
{
    return strcasecmp(name, ((const struct function *) entry)->name);
}


static int
is_hidden(const char *name)
{
    return strncasecmp(name, HIDDEN_PREFIX, sizeof(HIDDEN_PREFIX) - 1) == 0;
}


static int
clamp(size_t value)
{
    return value > INT_MAX ? INT_MAX : (int) value;
}
