#ifndef EXECUTE_H
#define EXECUTE_H

/*
 * Runs one statement on a reader and renders its rows.
 */

#include "control.h"
#include "failure.h"
#include "qsn_settings.h"
#include "reader.h"
#include "render.h"
#include "shape.h"
#include "statement.h"

typedef struct {
    reader_t *reader;
    control_t *control;         /* NULL: nobody stops it */
    uint64_t deadline_ms;       /* for the sentence only */
    const qsn_settings_t *settings;     /* likewise: limits to name */
    const shape_t *shape;       /* of what the user sent; NULL: keep nothing */
    prepared_t *kept;           /* what the reader keeps for it, or NULL */
    int frozen;                 /* 'now' is the generation's start */
    /* Called before the first row: the same rows every time? */
    void (*begun)(void *data, int cacheable);
    void *data;
} execute_t;

/* statement is what the user sent; it may be empty where there is ->kept, and
   afterwards.  0, or -1 and *failure (status 0 in it: nobody reads the
   answer). */
int execute_statement(const execute_t *execute, statement_t *statement,
    render_t *render, failure_t *failure);

/* Says in failure what rc, a result of the reader's, means to a user. */
void execute_failure(const execute_t *execute, int rc, failure_t *failure);

#endif
