#ifndef SERVE_H
#define SERVE_H

/*
 * What a query process does, one request after the other: serve a new
 * snapshot, answer a query on it, list its tables.
 */

#include "answer.h"
#include "control.h"
#include "memo.h"
#include "qsn_counts.h"
#include "qsn_page.h"
#include "qsn_settings.h"
#include "reader.h"

typedef struct {
    const qsn_settings_t *settings;
    control_t *control;
    policy_limits_t limits;
    char *static_path;          /* NULL: none was named yet */
    const qsn_page_t *page;     /* NULL while there is none */
    reader_t *reader;           /* the snapshot, NULL before the first */
    answer_t answer;

    /* of peers' queries; NULL: the process has no peers */
    qsn_counts_t *counts;
    memo_t *memo;
} serve_t;

/* 0, or -1 without memory.  settings, control and counts outlive it. */
int serve_init(serve_t *serve, const qsn_settings_t *settings,
    control_t *control, qsn_counts_t *counts);

/* Answers one request.  The job stays the caller's. */
void serve_run(serve_t *serve, control_job_t *job);

#endif
