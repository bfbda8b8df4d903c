#ifndef USER_H
#define USER_H

/*
 * Whom the server runs as (--user), and what has to be theirs for that.
 * Without the option all of this does nothing.
 */

#include <sys/types.h>

#include "qsn_settings.h"

typedef struct {
    const char *name;           /* NULL: whoever started the launcher */
    uid_t uid;
    gid_t gid;
    gid_t socket_gid;           /* socket_group's, -1: none */
} user_t;

/* Each returns 0, or -1 and the sentence in error, which has
   QSN_SETTINGS_ERROR_SIZE bytes. */

/* Whether there are such a user and socket_group, and we may become it. */
int user_find(user_t *user, const qsn_settings_t *settings, char *error);

/*
 * Gives the user the directories and files that it works in.  run_dir is
 * open to socket_group, for its sockets.
 */
int user_own(const user_t *user, const qsn_settings_t *settings,
    char *error);

/* In a child, for good.  0, or -1 with errno. */
int user_become(const user_t *user);

#endif
