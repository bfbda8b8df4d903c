/* Without regard to case, as SQLite compares names. */

#include "qsn_name.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

const char *
qsn_name_reserved(const char *table)
{
    static const char *const beginnings[] = { "qasino_server_", "sqlite_" };
    static const char *const functions[] = {
        "json_each", "json_tree", "pragma_table_info", "pragma_table_xinfo"
    };

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (strncasecmp(table, beginnings[i], strlen(beginnings[i])) == 0) {
            return "names that begin so are reserved";
        }
    }

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (strcasecmp(table, functions[i]) == 0) {
            return "SQL has a function of that name";
        }
    }

    return NULL;
}
