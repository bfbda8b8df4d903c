/* Both results' rows sorted by first cell; groups of equal ones meet. */

#include "sql_diff.h"

#include <stdlib.h>
#include <string.h>

#define PARTNERS_MAX  200       /* looked at for one row */

/* A row, for sorting: by all its cells, from the first. */
typedef struct {
    const sql_result_t *result;
    size_t row;
    int is_paired;
} entry_t;

typedef struct {
    entry_t *now;
    entry_t *before;
    size_t now_count;
    size_t before_count;
} pairs_t;

static int same_columns(const sql_result_t *a, const sql_result_t *b);
static entry_t *sorted(const sql_result_t *result);
static int compare_entries(const void *a, const void *b);
static int compare_cells(const reply_cell_t *a, const reply_cell_t *b);
static void pair_equal(pairs_t *pairs);
static void pair_changed(sql_result_t *now, pairs_t *pairs);
static entry_t *best_partner(const entry_t *entry, entry_t *from,
    const entry_t *end);
static size_t equal_cells(const entry_t *a, const entry_t *b);
static void mark_changed(sql_result_t *now, entry_t *entry,
    entry_t *partner);
static int add_gone(sql_result_t *now, const pairs_t *pairs);


int
sql_diff(sql_result_t *now, const sql_result_t *before)
{
    pairs_t pairs = { 0 };
    size_t rows = now->rows + before->rows;
    int rc = -1;

    if (!same_columns(now, before) || now->columns == 0) {
        return 0;
    }

    now->marks = malloc(rows + 1);
    now->changed = calloc(rows + 1, now->columns);
    pairs.now = sorted(now);
    pairs.before = sorted(before);
    pairs.now_count = now->rows;
    pairs.before_count = before->rows;

    if (now->marks && now->changed && pairs.now && pairs.before) {
        memset(now->marks, SQL_MARK_SAME, rows + 1);
        pair_equal(&pairs);
        pair_changed(now, &pairs);
        rc = add_gone(now, &pairs);
    }

    if (rc != 0) {
        free(now->marks);
        free(now->changed);
        now->marks = NULL;
        now->changed = NULL;
    }

    free(pairs.now);
    free(pairs.before);

    return rc;
}


static int
same_columns(const sql_result_t *a, const sql_result_t *b)
{
    if (a->columns != b->columns) {
        return 0;
    }

    for (size_t i = 0; i < a->columns; i++) {
        if (compare_cells(&a->names[i], &b->names[i]) != 0) {
            return 0;
        }
    }

    return 1;
}


static entry_t *
sorted(const sql_result_t *result)
{
    entry_t *entries = calloc(result->rows + 1, sizeof(entry_t));

    for (size_t i = 0; entries && i < result->rows; i++) {
        entries[i].result = result;
        entries[i].row = i;
    }

    if (entries) {
        qsort(entries, result->rows, sizeof(entry_t), compare_entries);
    }

    return entries;
}


static int
compare_entries(const void *a, const void *b)
{
    const entry_t *x = a, *y = b;

    for (size_t i = 0; i < x->result->columns; i++) {
        int order = compare_cells(sql_result_cell(x->result, x->row, i),
                                  sql_result_cell(y->result, y->row, i));

        if (order != 0) {
            return order;
        }
    }

    return 0;
}


static int
compare_cells(const reply_cell_t *a, const reply_cell_t *b)
{
    size_t length = a->length < b->length ? a->length : b->length;
    int order = (int) a->kind - (int) b->kind;

    order = order ? order : memcmp(a->text, b->text, length);

    return order ? order : (a->length > b->length) - (a->length < b->length);
}


static void
pair_equal(pairs_t *pairs)
{
    size_t i = 0, j = 0;

    while (i < pairs->now_count && j < pairs->before_count) {
        int order = compare_entries(&pairs->now[i], &pairs->before[j]);

        if (order == 0) {
            pairs->now[i].is_paired = 1;
            pairs->before[j].is_paired = 1;
        }

        i += order <= 0;
        j += order >= 0;
    }
}


static void
pair_changed(sql_result_t *now, pairs_t *pairs)
{
    const entry_t *end = pairs->before + pairs->before_count;
    entry_t *from = pairs->before;
    int is_single = now->rows == 1 && pairs->before_count == 1;

    for (size_t i = 0; i < pairs->now_count; i++) {
        entry_t *entry = &pairs->now[i];
        const reply_cell_t *key = sql_result_cell(now, entry->row, 0);
        entry_t *partner;

        if (entry->is_paired) {
            continue;
        }

        /* both are sorted: the keys before this one never come again */
        while (from < end
               && compare_cells(sql_result_cell(from->result, from->row, 0),
                                key) < 0)
        {
            from++;
        }

        partner = best_partner(entry, from, end);

        /* one row then, one row now: the same count(*), say */
        if (partner == NULL && is_single) {
            partner = pairs->before;
        }

        if (partner) {
            mark_changed(now, entry, partner);
        } else {
            now->marks[entry->row] = SQL_MARK_NEW;
        }
    }
}


/* Among the unpaired rows from there on with the same first cell. */
static entry_t *
best_partner(const entry_t *entry, entry_t *from, const entry_t *end)
{
    const reply_cell_t *key = sql_result_cell(entry->result, entry->row, 0);
    entry_t *best = NULL;
    size_t most = 0;
    unsigned looked = 0;

    for (entry_t *e = from; e < end && looked < PARTNERS_MAX; e++, looked++) {
        if (compare_cells(sql_result_cell(e->result, e->row, 0), key) != 0) {
            break;
        }

        size_t equal = e->is_paired ? 0 : equal_cells(entry, e);

        if (equal > most) {
            most = equal;
            best = e;
        }
    }

    return best;
}


static size_t
equal_cells(const entry_t *a, const entry_t *b)
{
    size_t equal = 0;

    for (size_t i = 0; i < a->result->columns; i++) {
        equal += compare_cells(sql_result_cell(a->result, a->row, i),
                               sql_result_cell(b->result, b->row, i)) == 0;
    }

    return equal;
}


static void
mark_changed(sql_result_t *now, entry_t *entry, entry_t *partner)
{
    unsigned char *changed = now->changed + entry->row * now->columns;

    entry->is_paired = 1;
    partner->is_paired = 1;
    now->marks[entry->row] = SQL_MARK_CHANGED;

    for (size_t i = 0; i < now->columns; i++) {
        changed[i] = compare_cells(
            sql_result_cell(now, entry->row, i),
            sql_result_cell(partner->result, partner->row, i)) != 0;
    }
}


static int
add_gone(sql_result_t *now, const pairs_t *pairs)
{
    size_t rows = now->rows;
    int rc = 0;

    for (size_t i = 0; i < pairs->before_count && rc == 0; i++) {
        const entry_t *entry = &pairs->before[i];

        if (!entry->is_paired) {
            rc = sql_result_add(now, sql_result_cell(entry->result,
                                                     entry->row, 0),
                                now->columns);

            if (rc == 0) {
                now->marks[now->rows - 1] = SQL_MARK_GONE;
            }
        }
    }

    now->gone = rc == 0 ? now->rows - rows : 0;
    now->rows = rows;

    return rc;
}
