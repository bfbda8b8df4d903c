/*
 * One table of commands: name, arguments, help, function.  A unique
 * beginning of a name is enough, as in sqlite3.
 */

#include "sql_command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sql_catalog.h"
#include "sql_script.h"
#include "sql_set.h"
#include "sql_watch.h"

typedef struct {
    const char *name;
    enum sql_command_takes takes;
    const char *arguments;
    const char *help;
    int most;                   /* arguments; -1: the rest as it is */
    void (*run)(sql_session_t *session, char **words, int count);
} command_t;

static void do_bail(sql_session_t *session, char **words, int count);
static void do_headers(sql_session_t *session, char **words, int count);
static void do_help(sql_session_t *session, char **words, int count);
static void do_mode(sql_session_t *session, char **words, int count);
static void do_nullvalue(sql_session_t *session, char **words, int count);
static void do_output(sql_session_t *session, char **words, int count);
static void do_pager(sql_session_t *session, char **words, int count);
static void do_print(sql_session_t *session, char **words, int count);
static void do_quit(sql_session_t *session, char **words, int count);
static void do_read(sql_session_t *session, char **words, int count);
static void do_schema(sql_session_t *session, char **words, int count);
static void do_show(sql_session_t *session, char **words, int count);
static void do_tables(sql_session_t *session, char **words, int count);
static void do_timer(sql_session_t *session, char **words, int count);
static void do_watch(sql_session_t *session, char **words, int count);
static const command_t *find(sql_session_t *session, const char *name);
static void run(sql_session_t *session, const command_t *command,
    char *rest);
static void set_flag(sql_session_t *session, const char *command, int *flag,
    const char *value);

static const command_t commands[] = {
    { ".bail", SQL_COMMAND_FLAG, "on|off",
      "stop a script at its first error", 1, do_bail },
    { ".exit", SQL_COMMAND_NOTHING, "", "end this program", 0, do_quit },
    { ".headers", SQL_COMMAND_FLAG, "on|off",
      "column names and the count of rows", 1, do_headers },
    { ".help", SQL_COMMAND_NAME, "[COMMAND]", "this list", 1, do_help },
    { ".mode", SQL_COMMAND_MODE, "[MODE]", SQL_MODE_NAMES, 1, do_mode },
    { ".nullvalue", SQL_COMMAND_NOTHING, "TEXT", "what NULL looks like", 1,
      do_nullvalue },
    { ".output", SQL_COMMAND_FILE, "[FILE]",
      "write results to FILE or \"|COMMAND\", or here again", 1, do_output },
    { ".pager", SQL_COMMAND_FLAG, "on|off|COMMAND",
      "how to show what is larger than the terminal", -1, do_pager },
    { ".print", SQL_COMMAND_NOTHING, "TEXT", "write TEXT", -1, do_print },
    { ".quit", SQL_COMMAND_NOTHING, "", "end this program", 0, do_quit },
    { ".read", SQL_COMMAND_FILE, "FILE", "run the statements in FILE", 1,
      do_read },
    { ".schema", SQL_COMMAND_TABLE, "[TABLE]",
      "CREATE statements of TABLE, or of all", 1, do_schema },
    { ".show", SQL_COMMAND_NOTHING, "", "the settings", 0, do_show },
    { ".tables", SQL_COMMAND_TABLE, "[PATTERN]",
      "names of tables and views LIKE PATTERN", 1, do_tables },
    { ".timer", SQL_COMMAND_FLAG, "on|off", "how long each statement took",
      1, do_timer },
    { ".watch", SQL_COMMAND_STATEMENT, "[-n TIMES] [QUERY]",
      "run QUERY, or the last one, at every generation", -1, do_watch }
};

#define COMMANDS  (sizeof(commands) / sizeof(commands[0]))


void
sql_command_run(sql_session_t *session, const char *line)
{
    char *copy = strdup(line);

    if (copy == NULL) {
        sql_session_error(session, "out of memory");
        return;
    }

    char *rest = copy + strcspn(copy, " \t\n");

    if (*rest) {
        *rest++ = '\0';
        rest += strspn(rest, " \t\n");
    }

    const command_t *command = find(session, copy);

    if (command) {
        run(session, command, rest);
    }

    free(copy);
}


const char *
sql_command_name(size_t i, enum sql_command_takes *takes)
{
    if (i >= COMMANDS) {
        return NULL;
    }

    *takes = commands[i].takes;

    return commands[i].name;
}


int
sql_command_split(char *line, char **words, size_t max)
{
    size_t count = 0;
    char *p = line;

    while (*(p += strspn(p, " \t\n"))) {
        char quote = *p == '\'' || *p == '"' ? *p : '\0';

        if (count == max) {
            return -1;
        }

        words[count++] = p += quote != '\0';
        p = quote ? strchr(p, quote) : p + strcspn(p, " \t\n");

        if (p == NULL) {
            return -1;
        }

        if (*p) {
            *p++ = '\0';
        }
    }

    return (int) count;
}


/* By its whole name or a beginning that only one has. */
static const command_t *
find(sql_session_t *session, const char *name)
{
    const command_t *found = NULL;
    size_t length = strlen(name);

    for (size_t i = 0; i < COMMANDS; i++) {
        const command_t *command = &commands[i];

        if (strncasecmp(command->name, name, length) != 0) {
            continue;
        }

        if (command->name[length] == '\0') {
            return command;
        }

        if (found) {
            sql_session_error(session, "%s: is it %s or %s?", name,
                              found->name, command->name);
            return NULL;
        }

        found = command;
    }

    if (found == NULL) {
        sql_session_error(session, "%s: no such command, .help lists them",
                          name);
    }

    return found;
}


static void
run(sql_session_t *session, const command_t *command, char *rest)
{
    char *words[SQL_COMMAND_WORDS_MAX];
    int count;

    if (command->most == -1) {
        command->run(session, &rest, *rest != '\0');
        return;
    }

    count = sql_command_split(rest, words, SQL_COMMAND_WORDS_MAX);

    if (count < 0 || count > command->most) {
        sql_session_error(session, "usage: %s %s", command->name,
                          command->arguments);
        return;
    }

    command->run(session, words, count);
}


static void
set_flag(sql_session_t *session, const char *command, int *flag,
    const char *value)
{
    int is_on = sql_set_flag(value);

    if (is_on == -1) {
        sql_session_error(session, "usage: %s on|off", command);
    } else {
        *flag = is_on;
    }
}


static void
do_bail(sql_session_t *session, char **words, int count)
{
    set_flag(session, ".bail", &session->bail, count ? words[0] : "");
}


static void
do_headers(sql_session_t *session, char **words, int count)
{
    set_flag(session, ".headers", &session->format.headers,
             count ? words[0] : "");
}


static void
do_help(sql_session_t *session, char **words, int count)
{
    const char *name = count ? words[0] : "";
    size_t length = strlen(name);
    int shown = 0;

    for (size_t i = 0; i < COMMANDS; i++) {
        const command_t *command = &commands[i];

        if (strncasecmp(command->name + (*name != '.'), name, length) != 0) {
            continue;
        }

        qsn_buf_printf(&session->out.buf, "%-11s %-18s  %s\n", command->name,
                       command->arguments, command->help);
        shown++;
    }

    if (!shown) {
        sql_session_error(session, "%s: no such command", name);

    } else if (count == 0) {
        qsn_buf_string(&session->out.buf,
            "SET use_write_db = true;        read the generation being "
            "collected\n"
            "SHOW TABLES, SHOW INFO, SHOW CONNECTIONS, SHOW VIEWS, DESC t,\n"
            "DESC VIEW v and any SELECT end with a semicolon.  Ctrl-C "
            "cancels, Ctrl-D ends.\n");
    }
}


static void
do_mode(sql_session_t *session, char **words, int count)
{
    if (count == 0) {
        qsn_buf_printf(&session->out.buf, "%s\n",
                       sql_render_mode_name(session->format.mode));

    } else if (sql_render_parse_mode(words[0], &session->format.mode) != 0) {
        sql_session_error(session, "mode %s is none of " SQL_MODE_NAMES,
                          words[0]);
    }
}


static void
do_nullvalue(sql_session_t *session, char **words, int count)
{
    if (sql_session_set_text(&session->null_text, count ? words[0] : "")
        != 0)
    {
        sql_session_error(session, "out of memory");
    }

    session->format.null_text = session->null_text;
}


static void
do_output(sql_session_t *session, char **words, int count)
{
    int is_back = count == 0 || strcmp(words[0], "stdout") == 0;

    (void) sql_session_redirect(session, is_back ? NULL : words[0]);
}


static void
do_pager(sql_session_t *session, char **words, int count)
{
    int flag = count ? sql_set_flag(words[0]) : 1;
    const char *pager = flag == 1 ? sql_options_pager()
                        : flag == 0 ? NULL : words[0];

    if (sql_session_set_text(&session->pager, pager) != 0) {
        sql_session_error(session, "out of memory");
    }
}


static void
do_print(sql_session_t *session, char **words, int count)
{
    if (count) {
        sql_output_raw(&session->out, words[0], strlen(words[0]));
    }

    qsn_buf_byte(&session->out.buf, '\n');
}


static void
do_quit(sql_session_t *session, char **words, int count)
{
    (void) words;
    (void) count;
    session->quit = 1;
}


static void
do_read(sql_session_t *session, char **words, int count)
{
    if (count == 0) {
        sql_session_error(session, "usage: .read FILE");
        return;
    }

    sql_script_file(session, words[0]);
}


static void
do_schema(sql_session_t *session, char **words, int count)
{
    sql_catalog_schema(session, count ? words[0] : NULL);
}


static void
do_show(sql_session_t *session, char **words, int count)
{
    qsn_buf_t *out = &session->out.buf;

    (void) words;
    (void) count;

    qsn_buf_printf(out,
        "      server: %s\n"
        "        bail: %s\n"
        "     headers: %s\n"
        "        mode: %s\n"
        "   nullvalue: \"%s\"\n"
        "      output: %s\n"
        "       pager: %s\n"
        "       timer: %s\n"
        "use_write_db: %s\n",
        connection_address(session->connection),
        session->bail ? "on" : "off",
        session->format.headers ? "on" : "off",
        sql_render_mode_name(session->format.mode), session->null_text,
        session->out_name ? session->out_name : "stdout",
        session->pager ? session->pager : "off",
        session->timer ? "on" : "off",
        session->use_write_db ? "true" : "false");
}


static void
do_tables(sql_session_t *session, char **words, int count)
{
    sql_catalog_tables(session, count ? words[0] : NULL);
}


static void
do_timer(sql_session_t *session, char **words, int count)
{
    set_flag(session, ".timer", &session->timer, count ? words[0] : "");
}


static void
do_watch(sql_session_t *session, char **words, int count)
{
    char *query = count ? words[0] : NULL;
    unsigned long times = 0;

    if (query && strncmp(query, "-n", 2) == 0) {
        char *end;

        times = strtoul(query + 2, &end, 10);

        if (times == 0 || (*end && !isspace((unsigned char) *end))) {
            sql_session_error(session, "usage: .watch [-n TIMES] [QUERY]");
            return;
        }

        query = end + strspn(end, " \t");
    }

    sql_watch(session, query && *query ? query : NULL, times);
}
