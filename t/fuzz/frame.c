/* Frames: what is decoded is what is encoded again, and arguments lie inside
   of the bytes they came in. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qsn_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    qsn_frame_arg_t args[QSN_FRAME_TAGS];
    uint8_t again[QSN_FRAME_HEADER_SIZE];
    qsn_frame_t frame;

    if (size < QSN_FRAME_HEADER_SIZE) {
        return 0;
    }

    if (qsn_frame_decode(data, &frame) == NULL) {
        qsn_frame_encode(again, &frame);

        if (memcmp(again, data, sizeof(again)) != 0) {
            abort();
        }
    }

    data += QSN_FRAME_HEADER_SIZE;
    size -= QSN_FRAME_HEADER_SIZE;

    if (qsn_frame_parse_args(data, size, args) == NULL) {
        for (int i = 0; i < QSN_FRAME_TAGS; i++) {
            if (args[i].data
                && (args[i].data < data
                    || args[i].length > size
                    || args[i].data + args[i].length > data + size))
            {
                abort();
            }

            (void) qsn_frame_arg_u64(&args[i], 0);
        }
    }

    return 0;
}
