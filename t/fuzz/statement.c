/* What a user's text asks for. */

#include "statement.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SQL  1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    statement_t statement = { 0 };
    failure_t failure = { 0 };
    char *copy = malloc(size + 1);  /* size 0 has an address, too */

    memcpy(copy, data, size);

    int rc = statement_parse(&statement, copy, size, MAX_SQL, &failure);

    if ((rc == 0) != (failure.status == 0)
        || (rc == 0 && statement.kind != STATEMENT_QUIT
            && statement.sql.length == 0)
        || (rc == 0 && memchr(qsn_buf_text(&statement.sql), '\0',
                              statement.sql.length)))
    {
        abort();
    }

    statement_free(&statement);
    failure_free(&failure);
    free(copy);

    return 0;
}
