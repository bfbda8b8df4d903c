#ifndef SHAPE_H
#define SHAPE_H

/*
 * A statement without the values it compares with, so that "n = 17" and
 * "n = 18" are prepared once for both: a wall of dashboards asks the same of
 * one machine after the other.
 *
 * A value is taken out only where it makes no difference but to the rows:
 * right of a comparison, in the WHERE clause of the whole statement and
 * outside of parentheses there.  In a result column it would be part of the
 * column's name, and elsewhere SQLite looks at what it is.  0 and 1 stay as
 * well: SQLite takes them to be frequent, and may plan for that.  With OR in
 * that clause, or more values than there is room for, all stay: SQLite sees
 * whether two terms say the same ("n > 5 OR n = 5") and reads the rows in
 * another order then.
 */

#include <stddef.h>

#include <sqlite3.h>

#define SHAPE_TEXT_MAX    2048  /* bytes of a text that is looked at */
#define SHAPE_VALUES_MAX  8

typedef struct {
    const char *text;           /* quoted, with its quotes; or a number */
    size_t length;
} shape_value_t;

typedef struct {
    const char *text;           /* what to prepare */
    size_t length;
    size_t count;               /* of ->values; 0: ->text is the user's */
    shape_value_t values[SHAPE_VALUES_MAX];

    /* below: its own */
    char room[SHAPE_TEXT_MAX];
} shape_t;

/* *shape points into itself and into the length bytes of text. */
void shape_of(shape_t *shape, const char *text, size_t length);

/* Binds the values, which are not copied; returns an SQLite result code. */
int shape_bind(const shape_t *shape, sqlite3_stmt *prepared);

#endif
