/*
 * Where a draft comes from is decided here: the reading itself is in
 * agent_file.c, csv_table.c and json_table.c.
 */

#include "agent_read.h"

#include <stdio.h>

#include "csv_table.h"
#include "json_table.h"
#include "qsn_clock.h"


int
agent_read_file(agent_source_t *source, const agent_options_t *options,
    draft_t *draft)
{
    uint64_t now = qsn_clock_monotonic_ms();
    agent_file_rules_t rules = {
        .settle_ms = options->settle_ms,
        .max_size = options->max_size,
        .waited_ms = agent_source_is_unsettled(source)
                     ? now - source->waiting_since_ms : 0
    };

    if (source->state == AGENT_SOURCE_BAD) {
        agent_file_stamp_t stamp;

        agent_file_stamp(source->path, &stamp);

        if (agent_file_same(&stamp, &source->stamp)) {
            return 0;
        }
    }

    source->read_epoch = qsn_clock_epoch();
    source->read_time_s = -1;

    enum agent_file_result result = agent_file_read(source->path, &rules,
                                                    draft, &source->stamp);

    source->mtime = (double) source->stamp.mtime.tv_sec;

    switch (result) {

    case AGENT_FILE_READ:
        source->waiting_since_ms = 0;
        source->read_time_s = (double) (qsn_clock_monotonic_ms() - now) / 1e3;
        return 1;

    case AGENT_FILE_BAD:
        source->waiting_since_ms = 0;
        source->state = AGENT_SOURCE_BAD;
        return 0;

    case AGENT_FILE_UNSETTLED:
        source->state = AGENT_SOURCE_WAITING;
        source->waiting_since_ms = agent_source_is_unsettled(source)
                                   ? source->waiting_since_ms : now;
        source->error_count = 1;
        (void) snprintf(source->error, sizeof(source->error), "%s",
                        draft->error);
        return 0;

    case AGENT_FILE_MISSING:
        break;
    }

    source->waiting_since_ms = 0;
    source->state = AGENT_SOURCE_WAITING;

    return 0;
}


/* The output stays: a server that is away may be back before the next
   round. */
int
agent_read_output(agent_source_t *source, draft_t *draft)
{
    const qsn_buf_t *out = &source->command.out;
    int rc;

    if (source->command.failed) {
        source->state = AGENT_SOURCE_BAD;
        (void) draft_fail(draft, 0, 0, "%s", source->command.error);
        return 0;
    }

    if (json_table_is_json(out->data, out->length)) {
        rc = json_table_read(draft, out->data, out->length);
    } else {
        csv_table_t csv;

        csv_table_init(&csv, draft);
        rc = csv_table_feed(&csv, out->data, out->length);

        if (rc == 0) {
            rc = csv_table_finish(&csv);
        }

        csv_table_free(&csv);
    }

    if (rc != 0) {
        source->state = AGENT_SOURCE_BAD;
        agent_command_forget(&source->command);
        return 0;
    }

    /* "[]": there are no rows now, and nothing says what columns they have */
    if (draft->column_names.count == 0 && draft->row_count == 0) {
        source->state = AGENT_SOURCE_DONE;
        source->row_count = 0;
        source->error_count = 0;
        source->error[0] = '\0';
        return 0;
    }

    return 1;
}
