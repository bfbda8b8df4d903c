#ifndef SQL_WATCH_H
#define SQL_WATCH_H

/*
 * .watch: a statement again at every generation, with marks on what changed.
 *
 * The generation signal says when.  Where it does not arrive (a firewall,
 * another pub/sub port) the generation's number is asked for once a second.
 */

#include "sql_session.h"

/* query NULL: the statement before.  times 0: until Ctrl-C. */
void sql_watch(sql_session_t *session, const char *query,
    unsigned long times);

#endif
