/* Columns as the original's; an index that cannot be read has a row too. */

#include "agent_info.h"

#include <stdio.h>
#include <string.h>

#include "qsn_clock.h"

typedef struct {
    const char *name;
    const char *type;
} column_t;

static void begin(draft_t *draft, const char *tablename,
    const column_t *columns, size_t count);
static void add_source(draft_t *draft, const agent_source_t *source,
    const char *identity);
static void add_problem(draft_t *draft, const agent_source_problem_t *problem,
    const char *identity);
static void text(draft_t *draft, const char *value);
static void integer(draft_t *draft, long long value);
static void real(draft_t *draft, double value);


void
agent_info_summary(draft_t *draft, const agent_sources_t *sources,
    const char *identity)
{
    static const column_t columns[] = {
        { "identity", "varchar" }, { "update_epoch", "int" },
        { "nr_tables", "int" }, { "nr_errors", "int" }
    };
    size_t tables, errors;

    agent_info_count(sources, &tables, &errors);
    begin(draft, "qasino_csvpublisher_info", columns,
          sizeof(columns) / sizeof(columns[0]));
    draft_begin_row(draft);
    text(draft, identity);
    integer(draft, (long long) qsn_clock_epoch());
    integer(draft, (long long) tables);
    integer(draft, (long long) errors);
    (void) draft_end_row(draft, 0);
}


void
agent_info_tables(draft_t *draft, const agent_sources_t *sources,
    const char *identity)
{
    static const column_t columns[] = {
        { "identity", "varchar" }, { "tablename", "varchar" },
        { "read_epoch", "real" }, { "read_time_s", "real" },
        { "mtime", "int" }, { "nr_errors", "int" },
        { "error_message", "varchar" }, { "nr_rows", "int" },
        { "filepath", "varchar" }
    };

    begin(draft, "qasino_csvpublisher_tables", columns,
          sizeof(columns) / sizeof(columns[0]));

    for (const agent_source_t *source = sources->first; source;
         source = source->next)
    {
        add_source(draft, source, identity);
    }

    for (const agent_source_problem_t *problem = sources->problems; problem;
         problem = problem->next)
    {
        add_problem(draft, problem, identity);
    }
}


void
agent_info_count(const agent_sources_t *sources, size_t *tables,
    size_t *errors)
{
    *tables = 0;
    *errors = 0;

    for (const agent_source_t *source = sources->first; source;
         source = source->next)
    {
        *tables += source->row_count >= 0;
        *errors += source->error_count > 0;
    }

    for (const agent_source_problem_t *problem = sources->problems; problem;
         problem = problem->next)
    {
        ++*errors;
    }
}


static void
begin(draft_t *draft, const char *tablename, const column_t *columns,
    size_t count)
{
    draft_init(draft);
    (void) draft_set_tablename(draft, tablename, strlen(tablename), 0, 0);
    draft->has_column_names = 1;
    draft->has_column_types = 1;
    draft->has_rows = 1;

    for (size_t i = 0; i < count; i++) {
        (void) draft_add_name(draft, &draft->column_names, columns[i].name,
                              strlen(columns[i].name), 0, 0);
        (void) draft_add_name(draft, &draft->column_types, columns[i].type,
                              strlen(columns[i].type), 0, 0);
    }
}


static void
add_source(draft_t *draft, const agent_source_t *source, const char *identity)
{
    draft_begin_row(draft);
    text(draft, identity);
    text(draft, source->tablename);
    real(draft, source->read_epoch);
    real(draft, source->read_time_s);
    integer(draft, (long long) source->mtime);
    integer(draft, source->error_count);
    text(draft, source->error);
    integer(draft, source->row_count);

    if (source->is_command) {
        char path[1024];

        (void) snprintf(path, sizeof(path), "exec:%s", source->path);
        text(draft, path);
    } else {
        text(draft, source->path);
    }

    (void) draft_end_row(draft, 0);
}


static void
add_problem(draft_t *draft, const agent_source_problem_t *problem,
    const char *identity)
{
    draft_begin_row(draft);
    text(draft, identity);
    text(draft, "");
    real(draft, qsn_clock_epoch());
    real(draft, -1);
    integer(draft, 0);
    integer(draft, 1);
    text(draft, problem->reason);
    integer(draft, -1);
    text(draft, problem->path);
    (void) draft_end_row(draft, 0);
}


static void
text(draft_t *draft, const char *value)
{
    draft_text(draft, value, strlen(value));
}


static void
integer(draft_t *draft, long long value)
{
    char number[32];
    int length = snprintf(number, sizeof(number), "%lld", value);

    draft_number(draft, number, (size_t) length);
}


static void
real(draft_t *draft, double value)
{
    char number[48];
    int length = snprintf(number, sizeof(number), "%.3f", value);

    draft_number(draft, number, (size_t) length);
}
