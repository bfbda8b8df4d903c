/* The dispatch of requests, and which reader answers them. */

#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "execute.h"
#include "heap.h"
#include "listing.h"
#include "qsn_op.h"
#include "qsn_reply.h"
#include "render.h"
#include "shape.h"
#include "statement.h"

static void count(serve_t *serve);
static void serve_snapshot(serve_t *serve, control_job_t *job,
    failure_t *failure);
static void serve_query(serve_t *serve, control_job_t *job,
    failure_t *failure);
static int repeat(serve_t *serve, const control_job_t *job);
static void remember(serve_t *serve, const control_job_t *job);
static memo_key_t memo_key(const serve_t *serve, const control_job_t *job);
static void serve_listing(serve_t *serve, control_job_t *job,
    failure_t *failure);
static void say_bye(serve_t *serve);
static reader_t *reader_for(serve_t *serve, const control_job_t *job,
    failure_t *failure);
static void reader_let_go(serve_t *serve, reader_t *reader);
static int watch(serve_t *serve, const execute_t *execute,
    failure_t *failure);
static void unwatch(serve_t *serve, reader_t *reader);
static void set_cacheable(void *data, int cacheable);
static void open_page(serve_t *serve);


int
serve_init(serve_t *serve, const qsn_settings_t *settings,
    control_t *control, loader_t *loader, qsn_counts_t *counts)
{
    memset(serve, 0, sizeof(*serve));

    serve->settings = settings;
    serve->control = control;
    serve->loader = loader;
    serve->limits = policy_limits(settings);
    serve->counts = counts;

    if (counts && (serve->memo = memo_create()) == NULL) {
        return -1;
    }

    serve->answer.control = control;
    serve->answer.identity = settings->identity ? settings->identity : "";

    open_page(serve);

    return 0;
}


void
serve_run(serve_t *serve, control_job_t *job)
{
    failure_t failure = { 0 };

    answer_begin(&serve->answer, &job->frame);
    serve->answer.page = serve->page;
    serve->answer.outlet = job->outlet;
    serve->answer.direct = job->direct;

    switch (job->frame.op) {

    case QSN_OP_SNAPSHOT:
        serve_snapshot(serve, job, &failure);
        break;

    case QSN_OP_QUERY:
        serve_query(serve, job, &failure);
        break;

    case QSN_OP_GET_TABLE_LIST:
        serve_listing(serve, job, &failure);
        break;

    default:
        failure.plain = 1;
        failure_set(&failure, 400, "Unrecognized operation");
        break;
    }

    if (failure.status) {
        answer_fail(&serve->answer, &failure);
    }

    if (job->direct) {
        count(serve);
    }

    failure_free(&failure);
}


/* What was moved counts where it goes, as does what is not of the page's
   generation: nginx will ask the worker. */
static void
count(serve_t *serve)
{
    const answer_t *answer = &serve->answer;

    if (answer->status != QSN_STATUS_MOVED
        && (answer->generation == 0 || answer->is_current))
    {
        atomic_fetch_add_explicit(answer->status == 200
                                  ? &serve->counts->completed
                                  : &serve->counts->errors,
                                  1, memory_order_relaxed);
    }
}


/* Prepared or not. */
static void
serve_snapshot(serve_t *serve, control_job_t *job, failure_t *failure)
{
    reader_t *old = serve->reader;
    reader_t *reader = loader_take(serve->loader, job);

    failure->plain = 1;

    if (reader == NULL) {
        /* query_heap is for queries */
        heap_limit(0);
        reader = loader_open(job, serve->settings, &serve->limits, failure);
    }

    heap_limit((size_t) serve->settings->query_heap);

    if (reader == NULL) {
        return;
    }

    if (reader->has_static) {           /* else it is still to be looked for */
        reader->static_version =
            qsn_frame_arg_u64(&job->args[QSN_ARG_STATIC_VERSION], 0);
    }

    serve->reader = reader;
    open_page(serve);

    if (serve->memo) {
        memo_clear(serve->memo);
    }

    serve->answer.generation = reader->generation;
    answer_finish(&serve->answer);
    outlet_flush(job->outlet, 1);       /* not with the next query's answer */
    loader_close(serve->loader, old);
}


static void
serve_query(serve_t *serve, control_job_t *job, failure_t *failure)
{
    const qsn_frame_arg_t *sql = &job->args[QSN_ARG_SQL];
    answer_t *answer = &serve->answer;
    statement_t statement = { 0 };
    render_t render = { 0 };
    shape_t shape;
    execute_t execute = {
        .control = serve->control,
        .deadline_ms = job->deadline_ms,
        .settings = serve->settings,
        .begun = set_cacheable,
        .data = answer
    };

    if (sql->data == NULL) {
        failure->plain = 1;
        failure_set(failure, 400, "Must specify 'sql' param%s",
                    answer->format == QSN_FORMAT_JSON ? "" : ".");
        return;
    }

    /* the worker says itself what is too long for it */
    if (job->direct && sql->length > serve->limits.max_sql) {
        failure_set(failure, QSN_STATUS_MOVED, "The statement is too long");
        return;
    }

    /* a reader for one query keeps nothing */
    if (job->args[QSN_ARG_SNAPSHOT].data == NULL && serve->reader
        && sql->length <= serve->limits.max_sql)
    {
        shape_of(&shape, (const char *) sql->data, sql->length);
        execute.shape = &shape;
        execute.kept = prepared_find(serve->reader->prepared, shape.text,
                                     shape.length);
    }

    if (execute.kept == NULL
        && statement_parse(&statement, (const char *) sql->data, sql->length,
                           serve->limits.max_sql, failure) == -1)
    {
        goto done;
    }

    if (statement.kind == STATEMENT_QUIT) {
        say_bye(serve);
        goto done;
    }

    if (render_init(&render, (enum qsn_format) answer->format,
                    job->frame.flags & QSN_FLAG_NATIVE, answer->identity,
                    &answer->sink) == -1)
    {
        answer->format = QSN_FORMAT_JSON;
        failure_set(failure, 400, "Unknown format");
        goto done;
    }

    render.max_rows = (uint64_t) serve->settings->query_max_rows;
    render.max_bytes = (uint64_t) serve->settings->query_max_bytes;
    execute.reader = reader_for(serve, job, failure);

    if (execute.reader == NULL || (job->direct && repeat(serve, job))) {
        goto done;
    }

    if (job->frame.flags & QSN_FLAG_FROZEN) {
        execute.frozen = execute.reader->start_ms != 0;
        clock_freeze(execute.reader->start_ms);
    }

    if (watch(serve, &execute, failure) == 0) {
        if (execute_statement(&execute, &statement, &render, failure) == 0) {
            remember(serve, job);
            answer_finish(answer);
        }

        unwatch(serve, execute.reader);
    }

    clock_freeze(0);

    reader_let_go(serve, execute.reader);

done:

    render_free(&render);
    statement_free(&statement);
}


/* 1 if a peer has the answer that another has just had. */
static int
repeat(serve_t *serve, const control_job_t *job)
{
    answer_t *answer = &serve->answer;
    memo_key_t key = memo_key(serve, job);
    const qsn_buf_t *body = answer->is_current ? memo_find(serve->memo, &key)
                                               : NULL;

    if (body == NULL
        || qsn_buf_reserve(&answer->sink.buf, body->length) == NULL)
    {
        return 0;
    }

    qsn_buf_append(&answer->sink.buf, body->data, body->length);
    answer->cacheable = 1;
    answer->repeated = 1;
    answer_finish(answer);

    return 1;
}


static void
remember(serve_t *serve, const control_job_t *job)
{
    if (job->direct && serve->answer.cacheable && serve->answer.is_current) {
        memo_key_t key = memo_key(serve, job);

        memo_keep(serve->memo, &key, &serve->answer.sink.buf);
    }
}


static memo_key_t
memo_key(const serve_t *serve, const control_job_t *job)
{
    return (memo_key_t) {
        .sql = &job->args[QSN_ARG_SQL],
        .format = job->frame.format,
        .flags = job->frame.flags,
        .static_version = serve->answer.static_version
    };
}


static void
serve_listing(serve_t *serve, control_job_t *job, failure_t *failure)
{
    answer_t *answer = &serve->answer;
    qsn_buf_t *buf = &answer->sink.buf;
    qsn_buf_t tables = { 0 };
    int parts = job->frame.flags & QSN_FLAG_PARTS;
    execute_t execute = {
        .control = serve->control,
        .deadline_ms = job->deadline_ms,
        .settings = serve->settings
    };

    answer->format = QSN_FORMAT_JSON;
    execute.reader = reader_for(serve, job, failure);

    if (execute.reader == NULL) {
        return;
    }

    if (watch(serve, &execute, failure) == 0) {
        (void) listing_tables(&tables, &execute, failure);
        unwatch(serve, execute.reader);
    }

    reader_let_go(serve, execute.reader);

    if (failure->status == 0) {
        answer->cacheable = 1;
        listing_head(buf, answer->identity);

        if (parts) {
            qsn_buf_byte(buf, '}');
            answer_part(answer);
        } else {
            qsn_buf_string(buf, ", \"tables\": ");
        }

        qsn_buf_append(buf, tables.data, tables.length);
        qsn_buf_string(buf, parts ? "" : "}");
        answer_finish(answer);
    }

    qsn_buf_free(&tables);
}


static void
say_bye(serve_t *serve)
{
    answer_t *answer = &serve->answer;
    qsn_buf_t *buf = &answer->sink.buf;
    size_t ignored = 0;

    switch (answer->format) {

    case QSN_FORMAT_TEXT:
        qsn_buf_string(buf, "Bye!\n");
        break;

    case QSN_FORMAT_HTML:
        render_html_page(buf, answer->identity, "Bye!", 4);
        break;

    default:
        qsn_buf_string(buf, "{\"response_op\": \"ok\", \"identity\": \"");
        (void) render_json_text(buf, answer->identity,
                                strlen(answer->identity), &ignored);
        qsn_buf_string(buf, "\", \"message\": \"Bye!\"}");
        break;
    }

    answer_finish(answer);
}


/* The snapshot, or the sealed file this request alone is about. */
static reader_t *
reader_for(serve_t *serve, const control_job_t *job, failure_t *failure)
{
    answer_t *answer = &serve->answer;
    reader_t *reader = serve->reader;
    qsn_page_state_t state;

    if (job->args[QSN_ARG_SNAPSHOT].data) {
        char *path = control_job_text(job, QSN_ARG_SNAPSHOT);

        reader = path ? reader_open(path, reader ? reader->static_path
                                             : serve->settings->static_db,
                                    &serve->limits, failure) : NULL;
        free(path);

        if (reader) {
            reader->generation =
                qsn_frame_arg_u64(&job->args[QSN_ARG_GENERATION], 0);
            answer->page = NULL;
        }
    }

    if (reader == NULL) {
        failure_set(failure, 503, "No generation is being served yet");
        return NULL;
    }

    answer->generation = reader->generation;
    answer->has_static_version = 1;

    /* Static tables change within a generation: the version before the
       statement reads them, so that an answer is never older than it says. */
    if (serve->page && qsn_page_read(serve->page, &state) == 0) {
        answer->static_version = state.static_version;
        answer->is_current = state.generation_number == reader->generation;
    } else {
        answer->static_version = serve->reader
                                 ? serve->reader->static_version : 0;
    }

    /* Each static publish moves the version: only then it is worth a look
       whether a static database has come to be. */
    if (!reader->has_static && (serve->page == NULL
        || reader->static_version != answer->static_version)
        && reader_refresh(reader) == 0)
    {
        reader->static_version = answer->static_version;
    }

    return reader;
}


static void
reader_let_go(serve_t *serve, reader_t *reader)
{
    if (reader != serve->reader) {
        reader_close(reader);
    }
}


static int
watch(serve_t *serve, const execute_t *execute, failure_t *failure)
{
    if (control_watch(serve->control, execute->reader->db) == CONTROL_RUN) {
        return 0;
    }

    unwatch(serve, execute->reader);
    execute_failure(execute, SQLITE_INTERRUPT, failure);

    return -1;
}


static void
unwatch(serve_t *serve, reader_t *reader)
{
    if (control_unwatch(serve->control) != CONTROL_RUN) {
        reader_settle(reader);
    }
}


static void
set_cacheable(void *data, int cacheable)
{
    ((answer_t *) data)->cacheable = cacheable;
}


static void
open_page(serve_t *serve)
{
    char path[QSN_RUN_DIR_MAX + sizeof("/" QSN_PAGE_FILE)];

    if (serve->page || serve->settings->run_dir == NULL) {
        return;
    }

    (void) snprintf(path, sizeof(path), "%s/%s", serve->settings->run_dir,
                    QSN_PAGE_FILE);
    serve->page = qsn_page_open(path);
}
