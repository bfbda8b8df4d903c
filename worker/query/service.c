/* The dispatch of requests, and which reader answers them. */

#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "execute.h"
#include "listing.h"
#include "qsn_op.h"
#include "qsn_reply.h"
#include "render.h"
#include "statement.h"

static void serve_snapshot(service_t *service, control_job_t *job,
    failure_t *failure);
static int adopt_static(service_t *service, const control_job_t *job);
static void serve_query(service_t *service, control_job_t *job,
    failure_t *failure);
static void serve_listing(service_t *service, control_job_t *job,
    failure_t *failure);
static void say_bye(service_t *service);
static reader_t *reader_for(service_t *service, const control_job_t *job,
    failure_t *failure);
static void reader_let_go(service_t *service, reader_t *reader);
static int watch(service_t *service, const execute_t *execute,
    failure_t *failure);
static void unwatch(service_t *service, reader_t *reader);
static void set_cacheable(void *data, int cacheable);
static void open_page(service_t *service);
static char *copy_argument(const control_job_t *job, enum qsn_frame_tag tag);


int
service_init(service_t *service, const qsn_settings_t *settings,
    control_t *control, int fd)
{
    memset(service, 0, sizeof(*service));

    service->settings = settings;
    service->control = control;
    service->limits.max_cell = (size_t) settings->max_cell;
    service->limits.max_sql = (size_t) settings->query_max_sql;
    service->answer.fd = fd;
    service->answer.control = control;
    service->answer.identity = settings->identity ? settings->identity : "";

    if (settings->static_db) {
        service->static_path = strdup(settings->static_db);

        if (service->static_path == NULL) {
            return -1;
        }
    }

    open_page(service);

    return 0;
}


void
service_run(service_t *service, control_job_t *job)
{
    failure_t failure = { 0 };

    answer_begin(&service->answer, &job->frame);
    service->answer.page = service->page;

    switch (job->frame.op) {

    case QSN_OP_SNAPSHOT:
        serve_snapshot(service, job, &failure);
        break;

    case QSN_OP_QUERY:
        serve_query(service, job, &failure);
        break;

    case QSN_OP_GET_TABLE_LIST:
        serve_listing(service, job, &failure);
        break;

    default:
        failure.plain = 1;
        failure_set(&failure, 400, "Unrecognized operation");
        break;
    }

    if (failure.status) {
        answer_fail(&service->answer, &failure);
    }

    failure_free(&failure);
}


/* The old snapshot is let go after the answer: unmapping takes its time. */
static void
serve_snapshot(service_t *service, control_job_t *job, failure_t *failure)
{
    char *path = copy_argument(job, QSN_ARG_SNAPSHOT);
    reader_t *old = service->reader;
    reader_t *reader = NULL;

    failure->plain = 1;

    if (path && adopt_static(service, job) == 0) {
        reader = reader_open(path, service->static_path, &service->limits,
                             failure);
    } else {
        failure_set(failure, 500, "a snapshot needs a path");
    }

    free(path);

    if (reader == NULL) {
        return;
    }

    reader->generation =
        qsn_frame_arg_u64(&job->args[QSN_ARG_GENERATION], 0);
    reader->static_version =
        qsn_frame_arg_u64(&job->args[QSN_ARG_STATIC_VERSION], 0);
    service->reader = reader;
    open_page(service);

    service->answer.generation = reader->generation;
    answer_finish(&service->answer);
    reader_close(old);
}


static int
adopt_static(service_t *service, const control_job_t *job)
{
    if (job->args[QSN_ARG_STATIC_DB].data == NULL) {
        return 0;
    }

    char *path = copy_argument(job, QSN_ARG_STATIC_DB);

    if (path == NULL) {
        return -1;
    }

    free(service->static_path);
    service->static_path = path;

    return 0;
}


static void
serve_query(service_t *service, control_job_t *job, failure_t *failure)
{
    const qsn_frame_arg_t *sql = &job->args[QSN_ARG_SQL];
    answer_t *answer = &service->answer;
    statement_t statement = { 0 };
    render_t render = { 0 };
    execute_t execute = {
        .control = service->control,
        .deadline_ms = job->deadline_ms,
        .settings = service->settings,
        .prepared = set_cacheable,
        .data = answer
    };

    if (sql->data == NULL) {
        failure->plain = 1;
        failure_set(failure, 400, "Must specify 'sql' param%s",
                    answer->format == QSN_FORMAT_JSON ? "" : ".");
        return;
    }

    if (statement_parse(&statement, (const char *) sql->data, sql->length,
                        service->limits.max_sql, failure) == -1)
    {
        goto done;
    }

    if (statement.kind == STATEMENT_QUIT) {
        say_bye(service);
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

    execute.reader = reader_for(service, job, failure);

    if (execute.reader == NULL) {
        goto done;
    }

    if (watch(service, &execute, failure) == 0) {
        if (execute_statement(&execute, &statement, &render, failure) == 0) {
            answer_finish(answer);
        }

        unwatch(service, execute.reader);
    }

    reader_let_go(service, execute.reader);

done:

    render_free(&render);
    statement_free(&statement);
}


static void
serve_listing(service_t *service, control_job_t *job, failure_t *failure)
{
    answer_t *answer = &service->answer;
    qsn_buf_t *buf = &answer->sink.buf;
    qsn_buf_t tables = { 0 };
    int parts = job->frame.flags & QSN_FLAG_PARTS;
    execute_t execute = {
        .control = service->control,
        .deadline_ms = job->deadline_ms,
        .settings = service->settings
    };

    answer->format = QSN_FORMAT_JSON;
    execute.reader = reader_for(service, job, failure);

    if (execute.reader == NULL) {
        return;
    }

    if (watch(service, &execute, failure) == 0) {
        (void) listing_tables(&tables, &execute, failure);
        unwatch(service, execute.reader);
    }

    reader_let_go(service, execute.reader);

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
say_bye(service_t *service)
{
    answer_t *answer = &service->answer;
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
reader_for(service_t *service, const control_job_t *job, failure_t *failure)
{
    answer_t *answer = &service->answer;
    reader_t *reader = service->reader;
    qsn_page_state_t state;

    if (job->args[QSN_ARG_SNAPSHOT].data) {
        char *path = copy_argument(job, QSN_ARG_SNAPSHOT);

        reader = path ? reader_open(path, service->static_path,
                                    &service->limits, failure) : NULL;
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
    if (service->page && qsn_page_read(service->page, &state) == 0) {
        answer->static_version = state.static_version;
    } else {
        answer->static_version = service->reader
                                 ? service->reader->static_version : 0;
    }

    /* Each static publish moves the version: only then it is worth a look
       whether a static database has come to be. */
    if (!reader->has_static && (service->page == NULL
        || reader->static_version != answer->static_version))
    {
        reader_refresh(reader);
        reader->static_version = answer->static_version;
    }

    return reader;
}


static void
reader_let_go(service_t *service, reader_t *reader)
{
    if (reader != service->reader) {
        reader_close(reader);
    }
}


static int
watch(service_t *service, const execute_t *execute, failure_t *failure)
{
    if (control_watch(service->control, execute->reader->db) == CONTROL_RUN) {
        return 0;
    }

    unwatch(service, execute->reader);
    execute_failure(execute, SQLITE_INTERRUPT, failure);

    return -1;
}


static void
unwatch(service_t *service, reader_t *reader)
{
    if (control_unwatch(service->control) != CONTROL_RUN) {
        reader_settle(reader);
    }
}


static void
set_cacheable(void *data, int cacheable)
{
    ((answer_t *) data)->cacheable = cacheable;
}


static void
open_page(service_t *service)
{
    char path[QSN_RUN_DIR_MAX + sizeof("/" QSN_PAGE_FILE)];

    if (service->page || service->settings->run_dir == NULL) {
        return;
    }

    (void) snprintf(path, sizeof(path), "%s/%s", service->settings->run_dir,
                    QSN_PAGE_FILE);
    service->page = qsn_page_open(path);
}


/* As a string; NULL where absent, with a NUL inside, or without memory. */
static char *
copy_argument(const control_job_t *job, enum qsn_frame_tag tag)
{
    const qsn_frame_arg_t *arg = &job->args[tag];

    if (arg->data == NULL || memchr(arg->data, '\0', arg->length)) {
        return NULL;
    }

    return strndup((const char *) arg->data, arg->length);
}
