/* The files that a client publishes: JSON in its shapes, or CSV. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv_table.h"
#include "json_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int
read_csv(draft_t *draft, const char *text, size_t length)
{
    csv_table_t csv;
    int rc;

    csv_table_init(&csv, draft);
    rc = csv_table_feed(&csv, text, length / 2);

    if (rc == 0) {
        rc = csv_table_feed(&csv, text + length / 2, length - length / 2);
    }

    if (rc == 0) {
        rc = csv_table_finish(&csv);
    }

    csv_table_free(&csv);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    qsn_buf_t body = { 0 };
    draft_t draft;

    memcpy(copy, data, size);
    draft_init(&draft);

    int rc = json_table_is_json(copy, size)
             ? json_table_read(&draft, copy, size)
             : read_csv(&draft, copy, size);

    if (rc == -1 && draft.error[0] == '\0') {
        abort();
    }

    if (rc == 0 && draft_check(&draft) == 0) {
        (void) draft_request(&draft, "fuzz", &body);
    }

    qsn_buf_free(&body);
    draft_free(&draft);
    free(copy);

    return 0;
}
