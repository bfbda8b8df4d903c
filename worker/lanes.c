/* Which processes run, what they take, and at what priority. */

#include "lanes.h"

#include <stdlib.h>

#include "qsn_costs.h"

#define SLOW_NICE      10       /* about a tenth of what others get */
#define SLOWER_NICE    19       /* about a seventieth */

static query_process_t *choose_lane(const lanes_t *lanes, uint32_t cost_us,
    int alone);
static query_process_t *choose_yielding(lanes_t *lanes);
static void start_yielding(lanes_t *lanes);
static int lane_is_free(const lanes_t *lanes, uint32_t cost_us);
static int is_slow(const lanes_t *lanes, const query_process_t *process,
    uint64_t ms);
static void start_spares(lanes_t *lanes);
static query_process_t *find_off(const lanes_t *lanes);
static void make_room(lanes_t *lanes);
static size_t wanted(const lanes_t *lanes);
static size_t count_available(const lanes_t *lanes,
    int (*counts)(const query_process_t *process));
static size_t count_yielding(const lanes_t *lanes);
static int is_yielding(const query_process_t *process);
static void yield_cores(const lanes_t *lanes, query_process_t *process);


int
lanes_create(lanes_t *lanes, uv_loop_t *loop, size_t count, size_t slow)
{
    lanes->loop = loop;
    lanes->lanes = count;
    lanes->count = count + slow;
    lanes->processes = calloc(lanes->count, sizeof(*lanes->processes));

    return lanes->processes ? 0 : -1;
}


void
lanes_destroy(lanes_t *lanes)
{
    for (size_t i = 0; lanes->processes && i < lanes->count; i++) {
        query_process_free(&lanes->processes[i]);
    }

    snapshot_put(lanes->snapshot);
    free(lanes->processes);
}


/* Each snapshot costs each process the reading of its schema: those that
   nobody needs at this moment end instead. */
void
lanes_serve(lanes_t *lanes, snapshot_t *snapshot, uint64_t static_version)
{
    size_t idle = 0;

    snapshot_put(lanes->snapshot);
    lanes->snapshot = snapshot_get(snapshot);
    lanes->static_version = static_version;

    for (size_t i = 0; i < lanes->count; i++) {
        query_process_t *process = &lanes->processes[i];

        if (query_process_is_off(process)) {
            continue;
        }

        if (query_process_is_stuck(process, snapshot)) {
            query_process_kill(process);
        }

        if (process->sent_count == 0
            && (process->yields || ++idle > lanes->lanes))
        {
            query_process_end(process);
        } else {
            query_process_serve(process, snapshot, static_version);
        }
    }

    start_spares(lanes);
}


enum lanes_pace
lanes_pace(const lanes_t *lanes, uint32_t cost_us, int greedy)
{
    if (lanes->count > lanes->lanes) {
        if (cost_us >= LANES_HEAVY_US && cost_us != QSN_COSTS_UNKNOWN) {
            return LANES_SLOW;
        }

        if (greedy) {
            return LANES_MANY;
        }
    }

    return cost_us < LANES_QUICK_US ? LANES_QUICK : LANES_UNSURE;
}


query_process_t *
lanes_choose(lanes_t *lanes, enum lanes_pace pace, uint32_t cost_us,
    int alone)
{
    return pace == LANES_SLOW || pace == LANES_MANY
           ? choose_yielding(lanes) : choose_lane(lanes, cost_us, alone);
}


query_process_t *
lanes_spare(const lanes_t *lanes)
{
    return count_yielding(lanes) < lanes->count - lanes->lanes
           ? NULL : choose_lane(lanes, QSN_COSTS_UNKNOWN, 1);
}


/* What it does already is not hurried. */
void
lanes_before_query(query_process_t *process, uint32_t cost_us)
{
    int unknown = cost_us == QSN_COSTS_UNKNOWN;

    if (!process->yields && unknown != process->gives_way
        && (unknown || process->sent_count == 0))
    {
        query_process_give_way(process, unknown);
    }
}


int
lanes_is_slow(const lanes_t *lanes, const query_process_t *process)
{
    return is_slow(lanes, process, LANES_SLOW_MS);
}


int
lanes_tick(lanes_t *lanes)
{
    size_t available = count_available(lanes, query_process_is_on);
    int again = available > lanes->lanes || count_yielding(lanes);

    for (size_t i = 0; i < lanes->count; i++) {
        query_process_t *process = &lanes->processes[i];

        if (process->sent_count == 0) {
            if ((process->yields || available > wanted(lanes))
                && query_process_ready(process)
                && uv_now(lanes->loop) - process->since_ms >= LANES_KEEP_MS)
            {
                available -= !process->yields;
                query_process_end(process);
            }

            continue;
        }

        again = 1;
    }

    start_spares(lanes);

    return again;
}


void
lanes_yield(const lanes_t *lanes, query_process_t *process)
{
    if (lanes->count > lanes->lanes && !process->yields) {
        yield_cores(lanes, process);
    }
}


/* One that yielded does not begin anew: the next would not yield.  But one
   that could not even begin waits for its next try like all others. */
void
lanes_bury(query_process_t *process)
{
    if (process->yields && process->confirmed) {
        query_process_end(process);
    }
}


/* One that does nothing, else the one with the least to do. */
static query_process_t *
choose_lane(const lanes_t *lanes, uint32_t cost_us, int alone)
{
    query_process_t *idle = NULL;
    query_process_t *best = NULL;
    uint64_t least = LANES_QUICK_US;

    for (size_t i = 0; i < lanes->count; i++) {
        query_process_t *process = &lanes->processes[i];

        if (!query_process_ready(process) || process->yields) {
            continue;
        }

        if (process->sent_count == 0) {
            idle = process;

        } else if (!alone && !lanes_is_slow(lanes, process)) {
            uint64_t load = query_process_load(process);

            if (load < least) {
                best = process;
                least = load;
            }
        }
    }

    if (idle && lane_is_free(lanes, cost_us)) {
        return idle;
    }

    return best || cost_us >= LANES_QUICK_US ? best : idle;
}


/* The first slow query after a while need not wait for a process, and the last
   that may run has the place of the one too many. */
static query_process_t *
choose_yielding(lanes_t *lanes)
{
    query_process_t *idle = NULL;
    size_t yielding = count_yielding(lanes);

    for (size_t i = 0; i < lanes->count; i++) {
        query_process_t *process = &lanes->processes[i];

        if (query_process_ready(process) && process->sent_count == 0) {
            if (!process->yields) {
                idle = process;

            } else if (yielding <= lanes->count - lanes->lanes) {
                return process;
            }                   /* else it has the place of a lane */
        }
    }

    if (idle && yielding < lanes->count - lanes->lanes
        && (yielding == 0 || (find_off(lanes) == NULL
                              && count_available(lanes, query_process_is_up)
                                 > lanes->lanes)))
    {
        yield_cores(lanes, idle);       /* the next tick starts another */
        return idle;
    }

    start_yielding(lanes);

    return NULL;
}


/* One after the other: each takes its time of the loop and of the cores. */
static void
start_yielding(lanes_t *lanes)
{
    query_process_t *process = find_off(lanes);

    if (process == NULL
        || count_yielding(lanes) >= lanes->count - lanes->lanes)
    {
        return;
    }

    for (size_t i = 0; i < lanes->count; i++) {
        const query_process_t *other = &lanes->processes[i];

        if (is_yielding(other) && !query_process_is_up(other)) {
            return;
        }
    }

    query_process_serve(process, lanes->snapshot, lanes->static_version);
    yield_cores(lanes, process);
}


/* 1 if a process that does nothing may begin to do this.  Those of which
   nothing is known leave one lane to the others: they may all be slow. */
static int
lane_is_free(const lanes_t *lanes, uint32_t cost_us)
{
    size_t busy = 0;
    size_t unknown = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        const query_process_t *process = &lanes->processes[i];

        if (process->sent_count > 0 && !process->yields
            && !lanes_is_slow(lanes, process))
        {
            busy++;
            unknown += query_process_load(process) >= QSN_COSTS_UNKNOWN;
        }
    }

    return busy < lanes->lanes
           && (cost_us != QSN_COSTS_UNKNOWN || unknown == 0
               || unknown + 1 < lanes->lanes);
}


static int
is_slow(const lanes_t *lanes, const query_process_t *process, uint64_t ms)
{
    return process->sent_count > 0
           && (process->paused
               || (uv_now(lanes->loop) - process->since_ms >= ms
                   && !query_process_catches_up(process)));
}


/* Starting one takes its time: so it is done as soon as a query may turn out
   to be slow. */
static void
start_spares(lanes_t *lanes)
{
    size_t available = count_available(lanes, query_process_is_on);

    while (lanes->snapshot && available++ < wanted(lanes)) {
        query_process_t *process = find_off(lanes);

        if (process == NULL) {
            make_room(lanes);
            return;
        }

        query_process_serve(process, lanes->snapshot, lanes->static_version);
    }
}


static query_process_t *
find_off(const lanes_t *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        if (query_process_is_off(&lanes->processes[i])) {
            return &lanes->processes[i];
        }
    }

    return NULL;
}


/* One that waits for slow queries makes room for one in a lane. */
static void
make_room(lanes_t *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        query_process_t *process = &lanes->processes[i];

        if (is_yielding(process) && process->sent_count == 0) {
            query_process_end(process);
            return;
        }
    }
}


/* Of processes for other than slow queries. */
static size_t
wanted(const lanes_t *lanes)
{
    size_t yielding = count_yielding(lanes);

    return lanes->lanes
           + (yielding > 0 && yielding < lanes->count - lanes->lanes);
}


/* Those that will take new queries, for all that is known: of those that run,
   or also of those that are about to, if they can be started. */
static size_t
count_available(const lanes_t *lanes,
    int (*counts)(const query_process_t *process))
{
    size_t available = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        const query_process_t *process = &lanes->processes[i];

        available += counts(process) && !process->yields
                     && !is_slow(lanes, process, LANES_TICK_MS);
    }

    return available;
}


static size_t
count_yielding(const lanes_t *lanes)
{
    size_t yielding = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        yielding += (size_t) is_yielding(&lanes->processes[i]);
    }

    return yielding;
}


static int
is_yielding(const query_process_t *process)
{
    return query_process_is_on(process) && process->yields;
}


/* As many as there are cores get a share that lets an honest report end on a
   busy machine; what there is beyond these gets next to nothing then. */
static void
yield_cores(const lanes_t *lanes, query_process_t *process)
{
    if (process->alive) {
        process->yields = 1;
        query_process_yield(process, count_yielding(lanes) <= lanes->lanes
                                     ? SLOW_NICE : SLOWER_NICE);
    }
}
