#ifndef STATEMENT_SPLITTER_H
#define STATEMENT_SPLITTER_H

/*
 * Finds where a statement ends while its bytes arrive: at a semicolon that
 * is in no string, quoted name or comment.  Each byte is looked at once,
 * whatever the text, so no input is slow.
 */

enum splitter_state {
    SPLITTER_TEXT,
    SPLITTER_QUOTED,            /* until ->closing */
    SPLITTER_DASH,              /* after one - */
    SPLITTER_SLASH,             /* after one / */
    SPLITTER_LINE_COMMENT,
    SPLITTER_BLOCK_COMMENT,
    SPLITTER_BLOCK_STAR         /* after * in a block comment */
};

typedef struct {
    enum splitter_state state;
    char closing;
    int has_content;            /* something besides space and comments */
} statement_splitter_t;

/* A zeroed splitter is at the start of a statement. */

/* 1 where byte ended a statement (the splitter starts anew; has_content is
   of the statement that ended), else 0. */
int statement_splitter_byte(statement_splitter_t *splitter, char byte,
    int *has_content);

/* 1 if nothing but space and whole comments came since the last end. */
int statement_splitter_blank(const statement_splitter_t *splitter);

#endif
