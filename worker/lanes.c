/* Which processes run, and at what priority. */

#include "lanes.h"

#include <stdlib.h>
#include <sys/resource.h>

#define LONG_NICE  10           /* about a tenth of what others get */

static int is_slow(const lanes_t *lanes, const query_process_t *process,
    uint64_t ms);
static void start_spares(lanes_t *lanes);
static size_t count_available(const lanes_t *lanes);
static void yield_cores(query_process_t *process);


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

        if (process->sent_count == 0 && ++idle > lanes->lanes) {
            query_process_end(process, 0);
        } else {
            query_process_serve(process, snapshot, static_version);
        }
    }

    start_spares(lanes);
}


int
lanes_is_slow(const lanes_t *lanes, const query_process_t *process)
{
    return is_slow(lanes, process, LANES_SLOW_MS);
}


int
lanes_is_free(const lanes_t *lanes)
{
    size_t busy = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        const query_process_t *process = &lanes->processes[i];

        busy += process->sent_count > 0 && !lanes_is_slow(lanes, process);
    }

    return busy < lanes->lanes;
}


int
lanes_tick(lanes_t *lanes)
{
    size_t available = count_available(lanes);
    int again = available > lanes->lanes;

    for (size_t i = 0; i < lanes->count; i++) {
        query_process_t *process = &lanes->processes[i];

        if (process->sent_count == 0) {
            if (available > lanes->lanes && query_process_ready(process)
                && uv_now(lanes->loop) - process->since_ms >= LANES_KEEP_MS)
            {
                query_process_end(process, 0);
                available--;
            }

            continue;
        }

        again = 1;

        if (lanes->count > lanes->lanes && !process->yields
            && !process->paused && is_slow(lanes, process, LANES_LONG_MS))
        {
            yield_cores(process);
        }
    }

    start_spares(lanes);

    return again;
}


void
lanes_rest(lanes_t *lanes, query_process_t *process)
{
    if (process->sent_count == 0 && process->yields) {
        query_process_end(process, count_available(lanes) <= lanes->lanes);
        start_spares(lanes);
    }
}


static int
is_slow(const lanes_t *lanes, const query_process_t *process, uint64_t ms)
{
    return process->sent_count > 0
           && (process->paused
               || uv_now(lanes->loop) - process->since_ms >= ms);
}


/* Starting one takes its time: so it is done as soon as a query may turn out
   to be slow. */
static void
start_spares(lanes_t *lanes)
{
    size_t available = count_available(lanes);

    for (size_t i = 0; i < lanes->count && lanes->snapshot
         && available < lanes->lanes; i++)
    {
        query_process_t *process = &lanes->processes[i];

        if (query_process_is_off(process)) {
            query_process_serve(process, lanes->snapshot,
                                lanes->static_version);
            available++;
        }
    }
}


/* Those that will take new queries, for all that is known. */
static size_t
count_available(const lanes_t *lanes)
{
    size_t available = 0;

    for (size_t i = 0; i < lanes->count; i++) {
        const query_process_t *process = &lanes->processes[i];

        available += query_process_is_on(process)
                     && !is_slow(lanes, process, LANES_TICK_MS);
    }

    return available;
}


static void
yield_cores(query_process_t *process)
{
    process->yields = setpriority(PRIO_PROCESS, (id_t) process->handle.pid,
                                  LONG_NICE) == 0;
}
