#ifndef SQL_CATALOG_H
#define SQL_CATALOG_H

/* .tables and .schema, from SHOW and DESC, which every server knows. */

#include "sql_session.h"

/* Names of tables and views in columns; pattern as LIKE has it, or NULL. */
void sql_catalog_tables(sql_session_t *session, const char *pattern);

/* A CREATE statement for a table or view, or for all (NULL). */
void sql_catalog_schema(sql_session_t *session, const char *table);

/* Names of all tables (is_view: views), in a result's first column.  Whoever
   asks over another connection than the session's gives it. */
void sql_catalog_names(sql_session_t *session, connection_t *connection,
    int is_view, const char *pattern, sql_answer_t *answer);

#endif
