/* JSON request bodies. */

#include "request_json.h"

#include "body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void *
create(request_t *request)
{
    return request_json_create(request);
}


static void
destroy(void *parser)
{
    request_json_destroy(parser);
}


static int
feed(void *parser, const void *data, size_t length)
{
    return request_json_feed(parser, data, length);
}


static int
finish(void *parser)
{
    return request_json_finish(parser);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const body_parser_t kind = { create, destroy, feed, finish };

    body_fuzz(&kind, data, size);

    return 0;
}
