/* A growing array of texts. */

#include "sql_completion.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b);


int
sql_completion_add(sql_completion_t *completion, const char *text,
    size_t length)
{
    char *copy;

    if (completion->count == completion->room) {
        size_t room = completion->room ? completion->room * 2 : 32;
        char **grown = realloc(completion->candidates, room * sizeof(char *));

        if (grown == NULL) {
            return -1;
        }

        completion->candidates = grown;
        completion->room = room;
    }

    copy = strndup(text, length);

    if (copy == NULL) {
        return -1;
    }

    completion->candidates[completion->count++] = copy;

    return 0;
}


int
sql_completion_match(sql_completion_t *completion, const char *typed,
    const char *candidate)
{
    if (strncasecmp(typed, candidate, strlen(typed)) != 0) {
        return 0;
    }

    return sql_completion_add(completion, candidate, strlen(candidate));
}


void
sql_completion_sort(sql_completion_t *completion)
{
    char **all = completion->candidates;
    size_t kept = 0;

    if (completion->count > 0) {
        qsort(all, completion->count, sizeof(char *), compare);
    }

    for (size_t i = 0; i < completion->count; i++) {
        if (kept > 0 && strcmp(all[kept - 1], all[i]) == 0) {
            free(all[i]);
        } else {
            all[kept++] = all[i];
        }
    }

    completion->count = kept;
}


size_t
sql_completion_common(const sql_completion_t *completion)
{
    const char *first = completion->count ? completion->candidates[0] : "";
    size_t common = strlen(first);

    for (size_t i = 1; i < completion->count; i++) {
        size_t same = 0;

        while (same < common
               && tolower((unsigned char) first[same])
                  == tolower((unsigned char) completion->candidates[i][same]))
        {
            same++;
        }

        common = same;
    }

    return common;
}


void
sql_completion_free(sql_completion_t *completion)
{
    for (size_t i = 0; i < completion->count; i++) {
        free(completion->candidates[i]);
    }

    free(completion->candidates);
    memset(completion, 0, sizeof(*completion));
}


static int
compare(const void *a, const void *b)
{
    const char *x = *(const char *const *) a;
    const char *y = *(const char *const *) b;
    int order = strcasecmp(x, y);

    return order ? order : strcmp(x, y);
}
