/* What fails here is tried again at the turn, where it is said, too. */

#include "spare.h"

#include <stdio.h>
#include <stdlib.h>

#include "background.h"
#include "template.h"

typedef struct {
    spare_t *spare;
    snapshot_t *sealed;
    int64_t pages;
    uint64_t ms;
    char *path;
    generation_t *generation;   /* NULL: it could not be made */
} making_t;

static int name_files(making_t *making, const char *dir);
static void run_making(void *data);
static int begin_journal(store_t *store);
static void on_made(void *data);
static void free_making(making_t *making);
static void remove_template(spare_t *spare);


void
spare_make(spare_t *spare, snapshot_t *sealed, int64_t pages, uint64_t ms)
{
    making_t *making;

    if (spare->generation || spare->making
        || (making = calloc(1, sizeof(*making))) == NULL)
    {
        return;
    }

    making->spare = spare;

    if (name_files(making, sealed->settings->db_dir) != 0) {
        free_making(making);
        return;
    }

    making->sealed = snapshot_get(sealed);
    making->pages = pages;
    making->ms = ms;
    spare->making = 1;
    background_run(sealed->loop, run_making, on_made, making);
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
    spare_drop(spare);
}


void
spare_drop(spare_t *spare)
{
    generation_discard(spare_take(spare));

    if (!spare->making) {
        remove_template(spare);
    }
}


static int
name_files(making_t *making, const char *dir)
{
    static uint64_t serial;     /* SQLite knows a file by its first name */
    spare_t *spare = making->spare;

    if (spare->template == NULL
        && asprintf(&spare->template, "%s/" SPARE_PREFIX "template.db", dir)
           == -1)
    {
        spare->template = NULL;
        return -1;
    }

    if (asprintf(&making->path, "%s/" SPARE_PREFIX "%llu.db", dir,
                 (unsigned long long) ++serial) == -1)
    {
        making->path = NULL;
        return -1;
    }

    return 0;
}


/* Where there is no template the file begins without tables. */
static void
run_making(void *data)
{
    making_t *making = data;
    const qsn_settings_t *settings = making->sealed->settings;
    const char *template = making->spare->template;
    char error[GENERATION_ERROR_SIZE];

    if (template_update(settings, template, making->sealed->path,
                        making->pages, making->ms) == 0)
    {
        (void) template_copy(template, making->path);
    }

    making->generation = generation_open_path(settings, making->path, 0,
                                              error);

    if (making->generation == NULL) {
        generation_unlink(making->path);

    } else if (begin_journal(&making->generation->store) != 0) {
        generation_discard(making->generation);
        making->generation = NULL;
    }
}


/* Of a file that was copied SQLite opens it at the first transaction, and it
   has to before the file gets its other name (generation_name()). */
static int
begin_journal(store_t *store)
{
    return store_begin(store) == 0 && store_set_meta(store, "spare", 1) == 0
           ? store_commit(store) : -1;
}


static void
on_made(void *data)
{
    making_t *making = data;

    making->spare->making = 0;
    spare_put(making->spare, making->generation);

    if (making->spare->stopping) {
        remove_template(making->spare);
    }

    free_making(making);
}


static void
free_making(making_t *making)
{
    snapshot_put(making->sealed);
    free(making->path);
    free(making);
}


static void
remove_template(spare_t *spare)
{
    if (spare->template) {
        generation_unlink(spare->template);
        free(spare->template);
        spare->template = NULL;
    }
}
