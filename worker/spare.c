/* What fails here is tried again at the turn, where it is said, too. */

#include "spare.h"

#include <stdio.h>
#include <stdlib.h>

#include "background.h"

typedef struct {
    spare_t *spare;
    const qsn_settings_t *settings;
    char *path;
    generation_t *generation;   /* NULL: it could not be made */
} making_t;

static void run_making(void *data);
static void on_made(void *data);


void
spare_make(spare_t *spare, uv_loop_t *loop, const qsn_settings_t *settings)
{
    static uint64_t serial;     /* SQLite knows a file by its first name */
    making_t *making;

    if (spare->generation || spare->making
        || (making = calloc(1, sizeof(*making))) == NULL)
    {
        return;
    }

    if (asprintf(&making->path, "%s/" SPARE_PREFIX "%llu.db",
                 settings->db_dir, (unsigned long long) ++serial) == -1)
    {
        free(making);
        return;
    }

    making->spare = spare;
    making->settings = settings;
    spare->making = 1;
    background_run(loop, run_making, on_made, making);
}


generation_t *
spare_take(spare_t *spare)
{
    generation_t *generation = spare->generation;

    spare->generation = NULL;

    return generation;
}


void
spare_put(spare_t *spare, generation_t *generation)
{
    if (spare->generation || spare->stopping) {
        generation_discard(generation);
    } else {
        spare->generation = generation;
    }
}


void
spare_stop(spare_t *spare)
{
    spare->stopping = 1;
    generation_discard(spare_take(spare));
}


static void
run_making(void *data)
{
    making_t *making = data;
    char error[GENERATION_ERROR_SIZE];

    making->generation = generation_open_path(making->settings, making->path,
                                              0, error);

    if (making->generation == NULL) {
        generation_unlink(making->path);
    }
}


static void
on_made(void *data)
{
    making_t *making = data;

    making->spare->making = 0;
    spare_put(making->spare, making->generation);
    free(making->path);
    free(making);
}
