/*
 * References, and what happens to a file that has none left.  Deleting it
 * takes its time (removal.h), and moving it to an archive on another file
 * system is a copy: libuv's threads do either.  A full disk there costs a log
 * line and that file, not service.
 */

#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "generation.h"
#include "qsn_log.h"
#include "removal.h"

typedef struct {
    uv_fs_t copy;
    char *from;
    char *to;                   /* under a name that says it is not whole */
    char *final;
} archive_t;

static void on_copied(uv_fs_t *copy);
static void archive_free(archive_t *archive);


snapshot_t *
snapshot_create(uv_loop_t *loop, const qsn_settings_t *settings,
    uint64_t number, char *path)
{
    snapshot_t *snapshot = calloc(1, sizeof(*snapshot));

    if (snapshot) {
        snapshot->number = number;
        snapshot->path = path;
        snapshot->references = 1;
        snapshot->loop = loop;
        snapshot->settings = settings;
    }

    return snapshot;
}


snapshot_t *
snapshot_get(snapshot_t *snapshot)
{
    snapshot->references++;

    return snapshot;
}


void
snapshot_put(snapshot_t *snapshot)
{
    if (snapshot == NULL || --snapshot->references) {
        return;
    }

    if (snapshot->copies) {
        --*snapshot->copies;
        removal_begin(snapshot->loop, snapshot->path);

    } else if (snapshot->retired) {
        snapshot_dispose(snapshot->loop, snapshot->settings, snapshot->path);
    }

    free(snapshot->path);
    free(snapshot);
}


void
snapshot_dispose(uv_loop_t *loop, const qsn_settings_t *settings,
    const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    archive_t *archive;

    /* an archive that cannot keep up must not fill db_dir */
    if (settings->archive_db_dir && !budget_has_room(settings)) {
        qsn_log("generation file %s is not archived: db_dir has no room to "
                "keep it any longer", path);
        generation_unlink(path);
        return;
    }

    if (settings->archive_db_dir == NULL
        || (archive = calloc(1, sizeof(*archive))) == NULL)
    {
        removal_begin(loop, path);
        return;
    }

    archive->copy.data = archive;
    archive->from = strdup(path);

    if (asprintf(&archive->final, "%s/%s", settings->archive_db_dir, name)
        == -1)
    {
        archive->final = NULL;
    }

    if (asprintf(&archive->to, "%s/.%s.part", settings->archive_db_dir, name)
        == -1)
    {
        archive->to = NULL;
    }

    if (archive->from && archive->to && archive->final
        && uv_fs_copyfile(loop, &archive->copy, archive->from, archive->to,
                          UV_FS_COPYFILE_FICLONE, on_copied) == 0)
    {
        return;
    }

    qsn_log("out of memory: generation file %s is not archived", path);
    removal_begin(loop, path);
    archive_free(archive);
}


static void
on_copied(uv_fs_t *copy)
{
    archive_t *archive = copy->data;

    if (copy->result < 0) {
        qsn_log("cannot archive %s to %s: %s", archive->from, archive->final,
                uv_strerror((int) copy->result));
        (void) remove(archive->to);

    } else if (rename(archive->to, archive->final) == -1) {
        qsn_log("cannot name archived generation %s: %s", archive->final,
                strerror(errno));
    }

    removal_begin(copy->loop, archive->from);
    uv_fs_req_cleanup(copy);
    archive_free(archive);
}


static void
archive_free(archive_t *archive)
{
    free(archive->from);
    free(archive->to);
    free(archive->final);
    free(archive);
}
