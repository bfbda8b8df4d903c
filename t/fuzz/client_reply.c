/* What a server answers, as the command line reads it. */

#include "reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int
take_row(void *ctx, const reply_cell_t *cells, size_t count)
{
    size_t *rows = ctx;

    for (size_t i = 0; i < count; i++) {
        if (strlen(cells[i].text) > cells[i].length) {
            abort();
        }
    }

    ++*rows;

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    reply_t reply;
    size_t rows = 0;

    memcpy(copy, data, size);

    int rc = reply_parse(&reply, copy, size);

    if (rc == -1 && reply.error[0] == '\0') {
        abort();
    }

    if (rc == 0 && reply.has_table
        && reply_rows(copy, size, take_row, &rows) == 0
        && rows != reply.row_count)
    {
        abort();
    }

    (void) reply_is_ok(&reply);
    reply_free(&reply);
    free(copy);

    return 0;
}
