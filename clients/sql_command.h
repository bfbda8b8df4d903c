#ifndef SQL_COMMAND_H
#define SQL_COMMAND_H

/* Dot-commands: what begins with a dot is for the client. */

#include "sql_session.h"

#define SQL_COMMAND_WORDS_MAX  8

/* A line, from its dot. */
void sql_command_run(sql_session_t *session, const char *line);

/* What can follow a command's name, for completion. */
enum sql_command_takes {
    SQL_COMMAND_NOTHING,
    SQL_COMMAND_TABLE,
    SQL_COMMAND_FILE,
    SQL_COMMAND_MODE,
    SQL_COMMAND_FLAG,
    SQL_COMMAND_NAME,           /* of a command */
    SQL_COMMAND_STATEMENT
};

/* Command number i, with its dot; NULL past the last. */
const char *sql_command_name(size_t i, enum sql_command_takes *takes);

/*
 * Splits a line into words in place: spaces separate, ' and " hold together
 * what has spaces.  Returns how many, or -1 for an open quote or too many.
 * Pure.
 */
int sql_command_split(char *line, char **words, size_t max);

#endif
