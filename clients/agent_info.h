#ifndef AGENT_INFO_H
#define AGENT_INFO_H

/*
 * The tables that the agent publishes about itself:
 *
 *   qasino_csvpublisher_info     a row: how many tables, how many errors
 *   qasino_csvpublisher_tables   a row per table: file, rows, time, error
 *
 * Pure: nothing but memory and the clock.
 */

#include "agent_source.h"
#include "draft.h"

void agent_info_summary(draft_t *draft, const agent_sources_t *sources,
    const char *identity);
void agent_info_tables(draft_t *draft, const agent_sources_t *sources,
    const char *identity);

/* Sources that were read, and sources and indexes with an error. */
void agent_info_count(const agent_sources_t *sources, size_t *tables,
    size_t *errors);

#endif
