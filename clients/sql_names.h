#ifndef SQL_NAMES_H
#define SQL_NAMES_H

/*
 * Tables, views and columns of the server, for completion.  Asked for once a
 * generation, over a connection of its own that does not wait long: without
 * an answer there is just nothing to complete.
 */

#include <stdint.h>

#include "sql_complete.h"
#include "sql_session.h"

typedef struct {
    sql_session_t *session;
    connection_t *connection;
    uint64_t asked_ms;          /* when, 0: never */
    char generation[32];
    sql_answer_t tables;        /* the list's texts stand in these */
    sql_answer_t views;
    sql_answer_t columns;
    sql_name_list_t list;
} sql_names_t;

void sql_names_init(sql_names_t *names, sql_session_t *session);
void sql_names_free(sql_names_t *names);

/* What is known now; valid until the next call. */
const sql_name_list_t *sql_names_get(sql_names_t *names);

#endif
