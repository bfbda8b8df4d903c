/* A ring of texts.  They are compared whole: with hashes somebody could make
   a statement that has another's refused. */

#include "denylist.h"

#include <stdlib.h>
#include <string.h>


void
denylist_add(denylist_t *list, const char *sql, size_t length)
{
    denylist_entry_t *entry = &list->entries[list->next];
    char *text;

    if (sql == NULL || denylist_has(list, sql, length)) {
        return;
    }

    text = malloc(length + 1);

    if (text == NULL) {
        return;
    }

    memcpy(text, sql, length);
    free(entry->text);
    entry->text = text;
    entry->length = length;
    list->next = (list->next + 1) % DENYLIST_MAX;
}


int
denylist_has(const denylist_t *list, const char *sql, size_t length)
{
    for (size_t i = 0; sql && i < DENYLIST_MAX && list->entries[i].text; i++) {
        if (list->entries[i].length == length
            && memcmp(list->entries[i].text, sql, length) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
denylist_clear(denylist_t *list)
{
    for (size_t i = 0; i < DENYLIST_MAX; i++) {
        free(list->entries[i].text);
    }

    memset(list, 0, sizeof(*list));
}
