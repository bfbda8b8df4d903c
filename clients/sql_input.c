/* The buffer holds whole lines; the next line after a whole statement
   starts it anew. */

#include "sql_input.h"

#include <string.h>
#include <strings.h>

#include "qsn_trim.h"

static enum sql_input_kind give(sql_input_t *input, size_t end,
    const char **text, size_t *length);
static int is_farewell(const char *line, size_t length);


void
sql_input_free(sql_input_t *input)
{
    qsn_buf_free(&input->text);
    qsn_buf_free(&input->item);
    memset(input, 0, sizeof(*input));
}


void
sql_input_clear(sql_input_t *input)
{
    qsn_buf_clear(&input->text);
    memset(&input->scan, 0, sizeof(input->scan));
    input->start = 0;
}


void
sql_input_line(sql_input_t *input, const char *line, size_t length)
{
    if (!sql_input_pending(input)) {
        sql_input_clear(input);
    }

    if (length > 0 && line[length - 1] == '\r') {
        length--;
    }

    qsn_buf_append(&input->text, line, length);
    qsn_buf_byte(&input->text, '\n');
}


enum sql_input_kind
sql_input_next(sql_input_t *input, const char **text, size_t *length)
{
    const char *all = input->text.data;

    if (input->start == 0 && input->scan.at == 0 && input->text.length) {
        *text = all;
        *length = input->text.length;
        qsn_trim(text, length);

        int is_command = *length > 0 && **text == '.';

        if (is_command || is_farewell(*text, *length)) {
            give(input, input->text.length, text, length);
            return is_command ? SQL_INPUT_COMMAND : SQL_INPUT_QUIT;
        }
    }

    while (sql_scan_next(&input->scan, all, input->text.length)) {
        if (input->scan.has_content) {
            return give(input, input->scan.at, text, length);
        }

        input->start = input->scan.at;
    }

    return SQL_INPUT_NONE;
}


enum sql_input_kind
sql_input_rest(sql_input_t *input, const char **text, size_t *length)
{
    if (!input->scan.has_content) {
        return SQL_INPUT_NONE;
    }

    return give(input, input->text.length, text, length);
}


int
sql_input_pending(const sql_input_t *input)
{
    return input->scan.has_content || input->scan.inside == '*';
}


/* Hands out everything up to end.  The scan stays behind it. */
static enum sql_input_kind
give(sql_input_t *input, size_t end, const char **text, size_t *length)
{
    *text = input->text.data + input->start;
    *length = end - input->start;
    qsn_trim(text, length);

    qsn_buf_clear(&input->item);
    qsn_buf_append(&input->item, *text, *length);
    *text = qsn_buf_text(&input->item);
    *length = input->item.failed ? 0 : input->item.length;

    input->start = end;
    input->scan.at = end;
    input->scan.inside = 0;
    input->scan.has_content = 0;

    return SQL_INPUT_STATEMENT;
}


static int
is_farewell(const char *line, size_t length)
{
    static const char *const words[] = { "quit", "exit", "logout" };

    while (length > 0 && line[length - 1] == ';') {
        length--;
    }

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) == length
            && strncasecmp(words[i], line, length) == 0)
        {
            return 1;
        }
    }

    return 0;
}
