#include "usage.h"

#include <string.h>
#include <unistd.h>

#include "family.h"
#include "latency.h"

static uint64_t private_of(const family_t *family, const char *name);
static void most(uint64_t *highest, uint64_t now);


void
usage_generation(usage_t *usage)
{
    static uint64_t server_before, generator_before, before;
    uint64_t now = latency_now_us();
    family_t server, generator;

    family_find(&server, usage->server_pid);
    family_read(&server);
    family_find(&generator, getpid());
    family_read(&generator);

    if (before) {
        uint64_t used = family_cpu_ms(&server) - server_before;
        double share = (double) used * 1000 / (double) (now - before);

        if (usage->wall_us == 0 || share < usage->share_min) {
            usage->share_min = share;
        }

        if (share > usage->share_max) {
            usage->share_max = share;
        }

        usage->server_ms += used;
        usage->generator_ms += family_cpu_ms(&generator) - generator_before;
        usage->wall_us += now - before;
    }

    server_before = family_cpu_ms(&server);
    generator_before = family_cpu_ms(&generator);
    before = now;
}


void
usage_look(usage_t *usage)
{
    uint64_t files = 0;
    family_t server;

    family_find(&server, usage->server_pid);
    family_read(&server);

    for (unsigned i = 0; i < usage->directory_count; i++) {
        files += family_files_kib(usage->directories[i]);
    }

    most(&usage->private_kib, family_private_kib(&server));
    most(&usage->worker_kib, private_of(&server, "qasino-worker"));
    most(&usage->query_kib, private_of(&server, "qasino-query"));
    most(&usage->nginx_kib, private_of(&server, "nginx: worker"));
    most(&usage->bridge_kib, private_of(&server, "qasino-zmq-bridge"));
    most(&usage->files_kib, files);
}


static uint64_t
private_of(const family_t *family, const char *name)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < family->count; i++) {
        if (strcmp(family->members[i].name, name) == 0) {
            sum += family->members[i].private_kib;
        }
    }

    return sum;
}


static void
most(uint64_t *highest, uint64_t now)
{
    *highest = now > *highest ? now : *highest;
}
