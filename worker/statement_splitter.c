/* SQLite's lexical rules, as far as a semicolon's meaning depends on them. */

#include "statement_splitter.h"

#include <ctype.h>
#include <string.h>

static int in_text(statement_splitter_t *splitter, char byte,
    int *has_content);


int
statement_splitter_byte(statement_splitter_t *splitter, char byte,
    int *has_content)
{
    switch (splitter->state) {

    case SPLITTER_TEXT:
        return in_text(splitter, byte, has_content);

    case SPLITTER_QUOTED:
        /* a doubled quote closes and opens again: the same in the end */
        if (byte == splitter->closing) {
            splitter->state = SPLITTER_TEXT;
        }

        return 0;

    case SPLITTER_DASH:
        if (byte == '-') {
            splitter->state = SPLITTER_LINE_COMMENT;
            return 0;
        }

        splitter->has_content = 1;      /* it was a minus */
        return in_text(splitter, byte, has_content);

    case SPLITTER_SLASH:
        if (byte == '*') {
            splitter->state = SPLITTER_BLOCK_COMMENT;
            return 0;
        }

        splitter->has_content = 1;
        return in_text(splitter, byte, has_content);

    case SPLITTER_LINE_COMMENT:
        if (byte == '\n') {
            splitter->state = SPLITTER_TEXT;
        }

        return 0;

    case SPLITTER_BLOCK_COMMENT:
        if (byte == '*') {
            splitter->state = SPLITTER_BLOCK_STAR;
        }

        return 0;

    case SPLITTER_BLOCK_STAR:
        if (byte != '*') {
            splitter->state = byte == '/' ? SPLITTER_TEXT
                                          : SPLITTER_BLOCK_COMMENT;
        }

        return 0;
    }

    return 0;
}


int
statement_splitter_blank(const statement_splitter_t *splitter)
{
    return !splitter->has_content && splitter->state == SPLITTER_TEXT;
}


static int
in_text(statement_splitter_t *splitter, char byte, int *has_content)
{
    splitter->state = SPLITTER_TEXT;

    switch (byte) {

    case ';':
        *has_content = splitter->has_content;
        memset(splitter, 0, sizeof(*splitter));
        return 1;

    case '\'':
    case '"':
    case '`':
    case '[':
        splitter->state = SPLITTER_QUOTED;
        splitter->closing = byte == '[' ? ']' : byte;
        splitter->has_content = 1;
        return 0;

    case '-':
        splitter->state = SPLITTER_DASH;
        return 0;

    case '/':
        splitter->state = SPLITTER_SLASH;
        return 0;

    default:
        splitter->has_content |= !isspace((unsigned char) byte);
        return 0;
    }
}
