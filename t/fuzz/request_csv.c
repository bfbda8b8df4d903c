/* CSV request bodies. */

#include "request_csv.h"

#include "body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void *
create(request_t *request)
{
    return request_csv_create(request);
}


static void
destroy(void *parser)
{
    request_csv_destroy(parser);
}


static int
feed(void *parser, const void *data, size_t length)
{
    return request_csv_feed(parser, data, length);
}


static int
finish(void *parser)
{
    return request_csv_finish(parser);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const body_parser_t kind = { create, destroy, feed, finish };

    body_fuzz(&kind, data, size);

    return 0;
}
