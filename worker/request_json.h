#ifndef REQUEST_JSON_H
#define REQUEST_JSON_H

/*
 * A JSON request body, parsed as its bytes arrive: yajl's events go straight
 * into the request's arena, no tree is ever built.
 */

#include <stddef.h>

#include "request.h"

typedef struct request_json_s request_json_t;

/* NULL without memory.  request must outlive the parser. */
request_json_t *request_json_create(request_t *request);
void request_json_destroy(request_json_t *json);

/* Each returns 0, or -1 with request->status and ->error set. */
int request_json_feed(request_json_t *json, const void *data, size_t length);
int request_json_finish(request_json_t *json);

#endif
