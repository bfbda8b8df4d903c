#ifndef SQL_COMPLETION_H
#define SQL_COMPLETION_H

/* Candidates for what is being typed: a list of texts. */

#include <stddef.h>

enum sql_complete_kind {
    SQL_COMPLETE_NOTHING,
    SQL_COMPLETE_LIST,          /* ->candidates */
    SQL_COMPLETE_FILES          /* the caller looks them up */
};

typedef struct {
    enum sql_complete_kind kind;
    size_t typed;               /* bytes before the cursor they replace */
    char **candidates;          /* sorted, each once */
    size_t count;
    size_t room;                /* private */
} sql_completion_t;

/* Another candidate, copied: 0, or -1 without memory. */
int sql_completion_add(sql_completion_t *completion, const char *text,
    size_t length);

/* The same if it begins as typed, in any case. */
int sql_completion_match(sql_completion_t *completion, const char *typed,
    const char *candidate);

/* Sorts, and drops what is there twice. */
void sql_completion_sort(sql_completion_t *completion);

/* Bytes that all candidates begin with, where case does not matter. */
size_t sql_completion_common(const sql_completion_t *completion);

void sql_completion_free(sql_completion_t *completion);

#endif
