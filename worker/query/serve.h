#ifndef SERVE_H
#define SERVE_H

/*
 * What a query process does, one request after the other: serve a new
 * snapshot, answer a query on it, list its tables.
 */

#include "answer.h"
#include "control.h"
#include "loader.h"
#include "memo.h"
#include "qsn_counts.h"
#include "qsn_page.h"
#include "qsn_settings.h"
#include "reader.h"

typedef struct {
    const qsn_settings_t *settings;
    control_t *control;
    loader_t *loader;
    policy_limits_t limits;
    const qsn_page_t *page;     /* NULL while there is none */
    reader_t *reader;           /* the snapshot, NULL before the first */
    answer_t answer;

    /* of peers' queries; NULL: the process has no peers */
    qsn_counts_t *counts;
    memo_t *memo;
} serve_t;

/* 0, or -1 without memory.  All that is given outlives it. */
int serve_init(serve_t *serve, const qsn_settings_t *settings,
    control_t *control, loader_t *loader, qsn_counts_t *counts);

/* Answers one request.  The job stays the caller's. */
void serve_run(serve_t *serve, control_job_t *job);

#endif
