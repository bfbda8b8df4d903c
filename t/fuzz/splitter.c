/* The line port: what telnet sends is left out, and where a statement ends:
   at a semicolon, never elsewhere, and a text that ended whole begins anew. */

#include "statement_splitter.h"
#include "telnet.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    statement_splitter_t splitter = { 0 };
    telnet_t telnet = TELNET_DATA;
    int has_content;

    for (size_t i = 0; i < size; i++) {
        if (telnet_skips(&telnet, data[i])) {
            continue;
        }

        if (statement_splitter_byte(&splitter, (char) data[i], &has_content)
            && (data[i] != ';' || !statement_splitter_blank(&splitter)))
        {
            abort();
        }
    }

    return 0;
}
