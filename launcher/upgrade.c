#include "upgrade.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "qsn_log.h"


int
upgrade_begin(upgrade_t *upgrade, const int *sockets, int count)
{
    child_t *child = upgrade->child;

    if (upgrade->old.pid) {
        qsn_log("%s (pid %d) still ends: it is not replaced again",
                child->name, (int) upgrade->old.pid);
        return -1;
    }

    upgrade->old = *child;
    upgrade->asked = 0;
    child->inherits = sockets;
    child->inherits_count = count;

    int rc = child_start(child, child_clock());
    int reason = errno;

    child->inherits = upgrade->old.inherits;
    child->inherits_count = upgrade->old.inherits_count;

    if (rc != 0) {
        qsn_log("cannot start another %s: %s", child->name,
                strerror(reason));
        *child = upgrade->old;
        upgrade->old.pid = 0;
        return -1;
    }

    qsn_log("%s (pid %d) is to be replaced by pid %d", child->name,
            (int) upgrade->old.pid, (int) child->pid);

    return 0;
}


void
upgrade_end_old(upgrade_t *upgrade)
{
    (void) kill(upgrade->old.pid, SIGQUIT);
    upgrade->asked = 1;
}


void
upgrade_give_up(const upgrade_t *upgrade, int hurry)
{
    if (upgrade->old.pid) {
        (void) kill(upgrade->old.pid, hurry ? SIGKILL : SIGTERM);
    }
}


enum upgrade_end
upgrade_died(upgrade_t *upgrade, pid_t pid)
{
    child_t *child = upgrade->child;
    child_t *old = &upgrade->old;

    if (old->pid == 0) {
        return UPGRADE_NONE;
    }

    if (pid == old->pid) {
        qsn_log("%s (pid %d) has been replaced", child->name, (int) pid);
        old->pid = 0;
        return UPGRADE_DONE;
    }

    if (pid == child->pid && !upgrade->asked) {
        qsn_log("the new %s does not start: the old one stays", child->name);
        child_ended(child, child_clock());      /* closes its descriptor */
        *child = *old;
        old->pid = 0;
        return UPGRADE_FAILED;
    }

    return UPGRADE_NONE;
}
