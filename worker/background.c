/* A low priority is a thread's own on Linux, and cannot be taken back. */

#include "background.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOWEST  19

typedef struct {
    uv_work_t work;
    void (*run)(void *data);
    void (*done)(void *data);
    void *data;
} background_t;

static void on_work(uv_work_t *work);
static void on_done(uv_work_t *work, int status);

static atomic_int hurries;


void
background_run(uv_loop_t *loop, void (*run)(void *data),
    void (*done)(void *data), void *data)
{
    background_t *background = malloc(sizeof(*background));

    if (background) {
        background->run = run;
        background->done = done;
        background->data = data;

        if (uv_queue_work(loop, &background->work, on_work, on_done) == 0) {
            return;
        }

        free(background);
    }

    run(data);

    if (done) {
        done(data);
    }
}


void
background_leave_core(unsigned us)
{
    if (!hurries) {
        (void) usleep(us);
    }
}


void
background_hurry(void)
{
    hurries = 1;
}


int
background_hurries(void)
{
    return hurries;
}


static void
on_work(uv_work_t *work)
{
    background_t *background = (background_t *) work;

    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), LOWEST);
    background->run(background->data);
}


static void
on_done(uv_work_t *work, int status)
{
    background_t *background = (background_t *) work;

    (void) status;

    if (background->done) {
        background->done(background->data);
    }

    free(background);
}
