/*
 * HTTP and HTTPS with libcurl.  One easy handle is driven through a multi
 * handle, which keeps connections between requests and lets us look up from
 * the wait.  Certificates are verified unless the caller said not to.
 */

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport.h"

#define USER_AGENT    "qasino-client"
#define URL_SIZE      512
#define SENTENCE_MAX  200

typedef struct {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
} http_t;

static void *http_create(const connection_options_t *options, char *error);
static void http_destroy(void *state);
static enum transport_result http_try(void *state, transport_try_t *request);
static int set_options(http_t *http, const connection_options_t *options);
static int set_request(http_t *http, transport_try_t *request);
static int perform(http_t *http, transport_try_t *request, CURLcode *code);
static enum transport_result judge(http_t *http, transport_try_t *request,
    CURLcode code);
static enum transport_result judge_failure(http_t *http,
    transport_try_t *request, CURLcode code);
static enum transport_result judge_status(http_t *http,
    transport_try_t *request);
static int is_json(const qsn_buf_t *reply);
static size_t on_data(char *data, size_t size, size_t count, void *ctx);

const transport_t transport_http = {
    .create = http_create,
    .destroy = http_destroy,
    .try = http_try
};


static void *
http_create(const connection_options_t *options, char *error)
{
    static int initialised;

    if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }

    initialised = 1;

    /* libcurl would say so only at the first request, and not which file */
    if (options->transport == CONNECTION_HTTPS && options->cacert
        && !options->insecure)
    {
        FILE *file = fopen(options->cacert, "r");

        if (file == NULL) {
            (void) snprintf(error, CONNECTION_ERROR_SIZE, "cannot read "
                            "certificates from '%.200s': %m",
                            options->cacert);
            return NULL;
        }

        (void) fclose(file);
    }

    http_t *http = calloc(1, sizeof(*http));

    if (http == NULL) {
        return NULL;
    }

    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    http->headers = curl_slist_append(NULL, "Content-Type: application/json");

    /* a large body is sent at once, not after the pause of a second that
       servers without "100 Continue" would cost */
    if (http->headers) {
        (void) curl_slist_append(http->headers, "Expect:");
    }

    if (http->multi == NULL || http->easy == NULL || http->headers == NULL
        || set_options(http, options) != 0)
    {
        http_destroy(http);
        return NULL;
    }

    return http;
}


static void
http_destroy(void *state)
{
    http_t *http = state;

    curl_easy_cleanup(http->easy);
    (void) curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    free(http);
}


static enum transport_result
http_try(void *state, transport_try_t *request)
{
    http_t *http = state;
    CURLcode code = CURLE_OK;

    http->error[0] = '\0';

    if (set_request(http, request) != 0
        || curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
    {
        (void) snprintf(request->error, CONNECTION_ERROR_SIZE,
                        "out of memory");
        return TRANSPORT_HOPELESS;
    }

    int stopped = perform(http, request, &code);
    enum transport_result result = TRANSPORT_STOPPED;

    if (!stopped) {
        result = judge(http, request, code);
    }

    (void) curl_multi_remove_handle(http->multi, http->easy);

    return result;
}


static int
set_options(http_t *http, const connection_options_t *options)
{
    CURL *easy = http->easy;
    long verify = options->insecure ? 0 : 1;
    int bad = 0;

    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_POST, 1L) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                            (long) options->connect_timeout_ms) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                            (long) options->timeout_ms) != 0;

    if (options->cacert) {
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, options->cacert) != 0;
    }

    if (options->username) {
        bad |= curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) != 0;
        bad |= curl_easy_setopt(easy, CURLOPT_USERNAME, options->username)
               != 0;
        bad |= curl_easy_setopt(easy, CURLOPT_PASSWORD,
                                options->password ? options->password : "")
               != 0;
    }

    return bad ? -1 : 0;
}


static int
set_request(http_t *http, transport_try_t *request)
{
    const connection_options_t *options = request->options;
    CURL *easy = http->easy;
    char host[300];
    char url[URL_SIZE];
    int bad = 0;

    transport_host(options->hostname, host, sizeof(host));

    int length = snprintf(url, sizeof(url), "%s://%s:%d/request?op=%s",
                          options->transport == CONNECTION_HTTPS
                          ? "https" : "http", host, options->port,
                          request->op);

    bad |= length < 0 || (size_t) length >= sizeof(url);
    bad |= curl_easy_setopt(easy, CURLOPT_URL, url) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t) request->length) != 0;
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, request->reply) != 0;

    return bad ? -1 : 0;
}


/* 1: the caller wants no answer any more. */
static int
perform(http_t *http, transport_try_t *request, CURLcode *code)
{
    for ( ;; ) {
        int running = 0;
        int left = 0;
        CURLMsg *message;

        if (curl_multi_perform(http->multi, &running) != CURLM_OK) {
            *code = CURLE_FAILED_INIT;
            return 0;
        }

        while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
            if (message->msg == CURLMSG_DONE) {
                *code = message->data.result;
                return 0;
            }
        }

        if (transport_stopped(request->options)) {
            return 1;
        }

        (void) curl_multi_poll(http->multi, NULL, 0, TRANSPORT_SLICE_MS,
                               NULL);
    }
}


static enum transport_result
judge(http_t *http, transport_try_t *request, CURLcode code)
{
    curl_off_t sent = 0;

    (void) curl_easy_getinfo(http->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    request->sent = sent > 0 && (size_t) sent >= request->length;

    return code == CURLE_OK ? judge_status(http, request)
                            : judge_failure(http, request, code);
}


static enum transport_result
judge_failure(http_t *http, transport_try_t *request, CURLcode code)
{
    const connection_options_t *options = request->options;
    enum transport_result result = TRANSPORT_AGAIN;
    const char *hint = "";

    qsn_buf_clear(request->reply);

    switch (code) {

    case CURLE_PEER_FAILED_VERIFICATION:
        hint = "; --cacert names a file of certificates to trust, "
               "--insecure trusts any";
        result = TRANSPORT_HOPELESS;
        break;

    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_WRITE_ERROR:
        result = TRANSPORT_HOPELESS;
        break;

    default:
        break;
    }

    (void) snprintf(request->error, CONNECTION_ERROR_SIZE,
                    "%s to %.120s port %d failed: %.*s%s",
                    options->transport == CONNECTION_HTTPS ? "HTTPS" : "HTTP",
                    options->hostname, options->port, SENTENCE_MAX,
                    http->error[0] ? http->error : curl_easy_strerror(code),
                    hint);

    return result;
}


static enum transport_result
judge_status(http_t *http, transport_try_t *request)
{
    const connection_options_t *options = request->options;
    long status = 0;
    curl_off_t seconds = 0;
    const char *hint = "";

    (void) curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    (void) curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &seconds);
    request->status = (unsigned) status;

    if (seconds > 0) {
        request->retry_after_ms = seconds < 3600 ? (unsigned) seconds * 1000
                                                 : 3600 * 1000;
    }

    if (status == 502 || status == 503) {
        (void) snprintf(request->error, CONNECTION_ERROR_SIZE,
                        "%.120s port %d answered with HTTP status %ld",
                        options->hostname, options->port, status);
        return TRANSPORT_AGAIN;
    }

    if (is_json(request->reply) && status != 401) {
        return TRANSPORT_ANSWERED;
    }

    if (status == 401) {
        hint = options->username ? ": wrong username or password"
                                 : ": it wants a username and a password";
    } else if (status == 200 || status == 404) {
        hint = ": is it a Qasino server?";
    }

    (void) snprintf(request->error, CONNECTION_ERROR_SIZE,
                    "%.120s port %d answered with HTTP status %ld%s",
                    options->hostname, options->port, status, hint);

    return TRANSPORT_HOPELESS;
}


static int
is_json(const qsn_buf_t *reply)
{
    size_t i = 0;

    while (i < reply->length && strchr(" \t\r\n", reply->data[i])) {
        i++;
    }

    return i < reply->length && reply->data[i] == '{';
}


static size_t
on_data(char *data, size_t size, size_t count, void *ctx)
{
    qsn_buf_t *reply = ctx;
    size_t length = size * count;

    if (reply->length + length > TRANSPORT_REPLY_MAX) {
        return 0;
    }

    qsn_buf_append(reply, data, length);

    return reply->failed ? 0 : length;
}
