/*
 * The server's rules for names, types, widths and key columns, applied
 * before anything is sent; the server applies them again.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "draft.h"
#include "qsn_name.h"

#define NAME_MAX_LENGTH      128
#define IDENTITY_MAX_LENGTH  255

static int check_name(draft_t *draft, const char *what,
    const draft_name_t *name);
static int check_tablename(draft_t *draft);
static int check_columns(draft_t *draft);
static int check_types(draft_t *draft);
static int check_duplicates(draft_t *draft);
static int check_keycols(draft_t *draft);
static int check_identity(draft_t *draft);
static int compare_names(const void *a, const void *b);


int
draft_check(draft_t *draft)
{
    if (draft->failed || check_tablename(draft) != 0
        || check_columns(draft) != 0 || check_types(draft) != 0
        || check_duplicates(draft) != 0 || check_keycols(draft) != 0
        || check_identity(draft) != 0)
    {
        return -1;
    }

    if (draft->row_count && draft->row_width != draft->column_names.count) {
        return draft_fail(draft, 0, 0, "the rows have %zu cells, but there "
                          "are %zu columns", draft->row_width,
                          draft->column_names.count);
    }

    return 0;
}


static int
check_name(draft_t *draft, const char *what, const draft_name_t *name)
{
    const char *text = name->name;
    int valid = name->length > 0 && isalpha((unsigned char) text[0]);

    for (size_t i = 1; valid && i < name->length; i++) {
        unsigned char c = (unsigned char) text[i];

        valid = c < 0x80 && (isalnum(c) || c == '_');
    }

    if (!valid) {
        return draft_fail(draft, name->line, name->column, "invalid %s name "
                          "'%.150s': a letter, then letters, digits and _",
                          what, text);
    }

    if (name->length > NAME_MAX_LENGTH) {
        return draft_fail(draft, name->line, name->column, "invalid %s name "
                          "'%.20s...': longer than %d bytes", what, text,
                          NAME_MAX_LENGTH);
    }

    return 0;
}


static int
check_tablename(draft_t *draft)
{
    const draft_name_t *name = &draft->tablename;

    if (name->name == NULL) {
        return draft_fail(draft, 0, 0, "there is no tablename");
    }

    if (check_name(draft, "table", name) != 0) {
        return -1;
    }

    const char *reserved = qsn_name_reserved(name->name);

    if (reserved) {
        return draft_fail(draft, name->line, name->column, "invalid table "
                          "name '%s': %s", name->name, reserved);
    }

    return 0;
}


static int
check_columns(draft_t *draft)
{
    const draft_names_t *names = &draft->column_names;

    if (!draft->has_column_names || !draft->has_column_types
        || !draft->has_rows)
    {
        return draft_fail(draft, 0, 0, "table '%s' has no %s",
                          draft->tablename.name,
                          !draft->has_column_names ? "column_names"
                          : !draft->has_column_types ? "column_types"
                          : "rows");
    }

    if (names->count == 0) {
        return draft_fail(draft, 0, 0, "table '%s' has no columns",
                          draft->tablename.name);
    }

    for (size_t i = 0; i < names->count; i++) {
        if (check_name(draft, "column", &names->items[i]) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
check_types(draft_t *draft)
{
    const draft_names_t *types = &draft->column_types;
    enum draft_type type;

    if (types->count != draft->column_names.count) {
        return draft_fail(draft, types->count ? types->items[0].line : 0, 0,
                          "%zu column types for %zu column names",
                          types->count, draft->column_names.count);
    }

    for (size_t i = 0; i < types->count; i++) {
        const draft_name_t *name = &types->items[i];

        if (draft_parse_type(name->name, name->length, &type) != 0) {
            return draft_fail(draft, name->line, name->column,
                              "column '%s' has the unknown type '%.100s'",
                              draft->column_names.items[i].name, name->name);
        }
    }

    return 0;
}


/* Names that differ only in case are one column. */
static int
check_duplicates(draft_t *draft)
{
    size_t count = draft->column_names.count;
    const draft_name_t **sorted = malloc(count * sizeof(*sorted));

    if (sorted == NULL) {
        return draft_fail(draft, 0, 0, "out of memory");
    }

    for (size_t i = 0; i < count; i++) {
        sorted[i] = &draft->column_names.items[i];
    }

    qsort(sorted, count, sizeof(*sorted), compare_names);

    for (size_t i = 1; i < count; i++) {
        if (strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            (void) draft_fail(draft, sorted[i]->line, sorted[i]->column,
                              "column '%s' is there twice",
                              sorted[i]->name);
            break;
        }
    }

    free(sorted);

    return draft->failed ? -1 : 0;
}


static int
check_keycols(draft_t *draft)
{
    const char *at = draft->keycols;

    while (at && *at) {
        size_t length = strcspn(at, ";");
        const char *next = at + length + (at[length] == ';');
        int found = 0;

        while (length && *at == ' ') {
            at++;
            length--;
        }

        while (length && at[length - 1] == ' ') {
            length--;
        }

        for (size_t i = 0; i < draft->column_names.count; i++) {
            const draft_name_t *name = &draft->column_names.items[i];

            found |= name->length == length
                     && strncasecmp(name->name, at, length) == 0;
        }

        if (length && !found) {
            return draft_fail(draft, 0, 0, "key column '%.*s' is no column "
                              "of the table",
                              (int) (length < 150 ? length : 150), at);
        }

        at = next;
    }

    return 0;
}


static int
check_identity(draft_t *draft)
{
    const char *identity = draft->identity;

    if (identity == NULL) {
        return 0;               /* whoever sends it has one */
    }

    if (*identity == '\0' || strlen(identity) > IDENTITY_MAX_LENGTH) {
        return draft_fail(draft, 0, 0, "the identity has to have 1 to %d "
                          "bytes", IDENTITY_MAX_LENGTH);
    }

    for (const char *at = identity; *at; at++) {
        if ((unsigned char) *at < 0x20) {
            return draft_fail(draft, 0, 0, "the identity has a control "
                              "character in it");
        }
    }

    return 0;
}


static int
compare_names(const void *a, const void *b)
{
    const draft_name_t *const *first = a;
    const draft_name_t *const *second = b;
    int order = strcasecmp((*first)->name, (*second)->name);

    if (order == 0) {
        order = (*first)->column < (*second)->column ? -1 : 1;
    }

    return order;
}
