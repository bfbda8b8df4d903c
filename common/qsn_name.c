/* By how they begin, without regard to case. */

#include "qsn_name.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

int
qsn_name_is_reserved(const char *table)
{
    static const char *const beginnings[] = {
        "qasino_server_", "sqlite_", "pragma_", "json_each", "json_tree"
    };

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (strncasecmp(table, beginnings[i], strlen(beginnings[i])) == 0) {
            return 1;
        }
    }

    return 0;
}
