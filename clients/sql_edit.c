/*
 * libedit does the editing; reading a key is ours, because Ctrl-C, a new
 * window size and the end of the program have to be noticed while waiting.
 */

#include "sql_edit.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "sql_complete.h"
#include "sql_history.h"
#include "sql_names.h"
#include "sql_signal.h"
#include "sql_text.h"

#define PROMPT       "qasino> "
#define PROMPT_MORE  "      > "
#define LISTED_MAX   200        /* candidates on the screen */

typedef struct {
    sql_session_t *session;
    EditLine *el;
    FILE *screen;
    sql_input_t input;
    sql_names_t names;
    sql_history_t history;
    qsn_buf_t typed;            /* lines of the statement, for the history */
    mbstate_t shift;
} edit_t;

static int edit_open(edit_t *edit, sql_session_t *session);
static void edit_close(edit_t *edit);
static int read_line(edit_t *edit);
static void take_line(edit_t *edit, const char *line, size_t length);
static char *prompt(EditLine *el);
static int read_key(EditLine *el, wchar_t *key);
static int wait_key(edit_t *edit);
static unsigned char complete(EditLine *el, int key);
static unsigned char use(edit_t *edit, const sql_completion_t *completion,
    const char *typed);
static void list_candidates(edit_t *edit, const sql_completion_t *completion);
static void add_files(sql_completion_t *completion, const char *typed,
    size_t length);
static int count_characters(const char *text, size_t length);


void
sql_edit_run(sql_session_t *session)
{
    edit_t edit;

    if (edit_open(&edit, session) == 0) {
        fprintf(edit.screen, "Connecting to %s.  .help is help.\n",
                connection_address(session->connection));

        while (!session->quit && read_line(&edit) == 0) {
            /* one more */
        }
    }

    edit_close(&edit);
}


static int
edit_open(edit_t *edit, sql_session_t *session)
{
    memset(edit, 0, sizeof(*edit));
    edit->session = session;
    edit->screen = isatty(STDOUT_FILENO) ? stdout : stderr;
    sql_names_init(&edit->names, session);
    edit->el = el_init("qasino-sql", stdin, edit->screen, stderr);

    if (edit->el == NULL
        || sql_history_open(&edit->history, session->options->history) != 0)
    {
        sql_session_error(session, "the terminal cannot be used");
        return -1;
    }

    el_set(edit->el, EL_CLIENTDATA, edit);
    el_set(edit->el, EL_PROMPT, prompt);
    el_set(edit->el, EL_SIGNAL, 0);
    el_set(edit->el, EL_GETCFN, read_key);
    el_set(edit->el, EL_EDITOR, "emacs");
    el_set(edit->el, EL_HIST, history, edit->history.history);
    /* the narrow form copies the names and never frees them */
    el_wset(edit->el, EL_ADDFN, L"qasino-complete", L"Complete", complete);
    el_set(edit->el, EL_BIND, "^I", "qasino-complete", NULL);
    el_set(edit->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(edit->el, NULL);

    return 0;
}


static void
edit_close(edit_t *edit)
{
    if (edit->el) {
        el_end(edit->el);
    }

    sql_history_close(&edit->history);
    sql_names_free(&edit->names);
    sql_input_free(&edit->input);
    qsn_buf_free(&edit->typed);
}


/* 0, or -1 at the end. */
static int
read_line(edit_t *edit)
{
    int count = 0;
    const char *line;

    sql_signal_clear();
    /* libedit itself writes the prompt first: keys typed then, such as Ctrl-D,
       would be taken by the terminal */
    el_set(edit->el, EL_PREP_TERM, 1);
    line = el_gets(edit->el, &count);

    if (sql_signal_ending()) {
        fputc('\n', edit->screen);
        return -1;
    }

    if (sql_signal_interrupted()) {
        fputs("^C\n", edit->screen);
        fflush(edit->screen);
        sql_input_clear(&edit->input);
        qsn_buf_clear(&edit->typed);
        return 0;
    }

    if (line == NULL || count <= 0) {
        fputc('\n', edit->screen);
        return -1;
    }

    take_line(edit, line, (size_t) count - (line[count - 1] == '\n'));

    return 0;
}


static void
take_line(edit_t *edit, const char *line, size_t length)
{
    sql_session_t *session = edit->session;
    enum sql_input_kind kind;
    const char *text;

    qsn_buf_append(&edit->typed, line, length);
    sql_input_line(&edit->input, line, length);

    while (!session->quit && !sql_signal_interrupted()
           && (kind = sql_input_next(&edit->input, &text, &length))
              != SQL_INPUT_NONE)
    {
        /* kept before it runs: it might be what ends the program */
        if (edit->typed.length > 0) {
            sql_history_add(&edit->history, qsn_buf_text(&edit->typed));
            qsn_buf_clear(&edit->typed);
        }

        sql_session_execute(session, kind, text, length);
        session->abandon = 0;
    }

    if (sql_signal_interrupted()) {
        sql_input_clear(&edit->input);
    }

    if (!sql_input_pending(&edit->input)) {
        qsn_buf_clear(&edit->typed);
    } else if (edit->typed.length > 0) {
        qsn_buf_byte(&edit->typed, '\n');
    }
}


static char *
prompt(EditLine *el)
{
    static char first[] = PROMPT;
    static char more[] = PROMPT_MORE;
    edit_t *edit;

    el_get(el, EL_CLIENTDATA, &edit);

    return sql_input_pending(&edit->input) ? more : first;
}


/* 1 and a key, 0 at the end of input, -1 when a signal ends the line. */
static int
read_key(EditLine *el, wchar_t *key)
{
    edit_t *edit;
    char byte;

    el_get(el, EL_CLIENTDATA, &edit);
    fflush(edit->screen);

    while (wait_key(edit) == 0) {
        ssize_t n = read(STDIN_FILENO, &byte, 1);

        if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }

        if (n <= 0) {
            return 0;
        }

        switch (mbrtowc(key, &byte, 1, &edit->shift)) {

        case (size_t) -1:       /* no UTF-8: forget it */
            memset(&edit->shift, 0, sizeof(edit->shift));
            break;

        case (size_t) -2:       /* more bytes of it to come */
            break;

        default:
            return 1;
        }
    }

    errno = EINTR;

    return -1;
}


/* 0: something can be read; -1: a signal. */
static int
wait_key(edit_t *edit)
{
    struct pollfd ready = { .fd = STDIN_FILENO, .events = POLLIN };
    sigset_t mask;
    int n = 0;

    sql_signal_hold(&mask);

    while (!sql_signal_interrupted() && n <= 0) {
        n = ppoll(&ready, 1, NULL, &mask);

        if (sql_signal_resized()) {
            el_resize(edit->el);
        }

        if (sql_signal_continued()) {
            el_set(edit->el, EL_REFRESH);
            fflush(edit->screen);
        }
    }

    sql_signal_release(&mask);

    return sql_signal_interrupted() ? -1 : 0;
}


static unsigned char
complete(EditLine *el, int key)
{
    const LineInfo *line = el_line(el);
    size_t length = (size_t) (line->cursor - line->buffer);
    sql_completion_t completion;
    qsn_buf_t text = { 0 };
    unsigned char result = CC_ERROR;
    edit_t *edit;

    (void) key;
    el_get(el, EL_CLIENTDATA, &edit);

    if (sql_input_pending(&edit->input)) {
        qsn_buf_append(&text, edit->input.text.data + edit->input.start,
                       edit->input.text.length - edit->input.start);
    }

    qsn_buf_append(&text, line->buffer, length);
    (void) qsn_buf_text(&text);

    if (!text.failed
        && sql_complete(&completion, text.data, text.length,
                        sql_names_get(&edit->names)) == 0)
    {
        const char *typed = text.data + text.length - completion.typed;

        if (completion.kind == SQL_COMPLETE_FILES) {
            add_files(&completion, typed, completion.typed);
        }

        result = use(edit, &completion, typed);
    }

    sql_completion_free(&completion);
    qsn_buf_free(&text);

    return result;
}


static unsigned char
use(edit_t *edit, const sql_completion_t *completion, const char *typed)
{
    size_t common = sql_completion_common(completion);
    qsn_buf_t insert = { 0 };

    if (completion->count == 0) {
        return CC_ERROR;
    }

    const char *first = completion->candidates[0];

    if (completion->count > 1 && common <= completion->typed) {
        list_candidates(edit, completion);
        return CC_REDISPLAY;
    }

    qsn_buf_append(&insert, first, common);

    if (completion->count == 1 && common > 0 && first[common - 1] != '/') {
        qsn_buf_byte(&insert, ' ');
    }

    el_deletestr(edit->el, count_characters(typed, completion->typed));
    el_insertstr(edit->el, qsn_buf_text(&insert));
    qsn_buf_free(&insert);

    return CC_REFRESH;
}


static void
list_candidates(edit_t *edit, const sql_completion_t *completion)
{
    size_t widest = 0, width, height;
    size_t count = completion->count < LISTED_MAX ? completion->count
                                                  : LISTED_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(completion->candidates[i]);

        widest = length > widest ? length : widest;
    }

    sql_output_size(&width, &height);

    size_t columns = width / (widest + 2);

    columns = columns ? columns : 1;

    for (size_t i = 0; i < count; i++) {
        fprintf(edit->screen, "%s%-*s", i % columns ? "" : "\n",
                (int) widest + 2, completion->candidates[i]);
    }

    if (count < completion->count) {
        fprintf(edit->screen, "\n... and %zu more",
                completion->count - count);
    }

    fputc('\n', edit->screen);
}


/* Names in a directory that begin as typed; directories end with /. */
static void
add_files(sql_completion_t *completion, const char *typed, size_t length)
{
    qsn_buf_t path = { 0 };
    size_t head = length;       /* the directory, with its slash */
    struct dirent *entry;
    DIR *dir;

    while (head > 0 && typed[head - 1] != '/') {
        head--;
    }

    qsn_buf_append(&path, head ? typed : "./", head ? head : 2);
    dir = opendir(qsn_buf_text(&path));

    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        size_t shown = strlen(name);

        if (strncmp(name, typed + head, length - head) != 0
            || (name[0] == '.' && length == head)
            || sql_text_width(name, shown) != shown || strchr(name, ' '))
        {
            continue;
        }

        qsn_buf_clear(&path);
        qsn_buf_append(&path, typed, head);
        qsn_buf_string(&path, name);

        if (entry->d_type == DT_DIR) {
            qsn_buf_byte(&path, '/');
        }

        (void) sql_completion_add(completion, qsn_buf_text(&path),
                                  path.length);
    }

    if (dir) {
        closedir(dir);
    }

    sql_completion_sort(completion);
    qsn_buf_free(&path);
}


static int
count_characters(const char *text, size_t length)
{
    int count = 0;

    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char) text[i] & 0xc0) != 0x80;
    }

    return count;
}
