#ifndef SQL_SCRIPT_H
#define SQL_SCRIPT_H

/* Statements and dot-commands that nobody types: files, -q, pipes. */

#include <stdio.h>

#include "sql_session.h"

/* Runs a whole file, "-" is standard input.  The last statement needs no
   semicolon. */
void sql_script_file(sql_session_t *session, const char *path);

/* The same for a text. */
void sql_script_text(sql_session_t *session, const char *text);

#endif
