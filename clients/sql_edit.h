#ifndef SQL_EDIT_H
#define SQL_EDIT_H

/* The prompt: line editing, history, completion, Ctrl-C. */

#include "sql_session.h"

/* Until .quit, the end of input or a signal that ends the program. */
void sql_edit_run(sql_session_t *session);

#endif
