#ifndef SQL_SET_H
#define SQL_SET_H

/* SET name = value; is for the client and never reaches the server.  Pure. */

#include <stddef.h>

#define SQL_SET_SIZE  64

typedef struct {
    char name[SQL_SET_SIZE];    /* cut where longer */
    char value[SQL_SET_SIZE];   /* without its quotes */
} sql_set_t;

/* 1 if text is such a statement, else 0. */
int sql_set_parse(sql_set_t *set, const char *text, size_t length);

/* on true yes 1: 1; off false no 0: 0; else -1.  Any case. */
int sql_set_flag(const char *value);

#endif
