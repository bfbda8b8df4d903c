#ifndef ROOT_DIR_H
#define ROOT_DIR_H

/*
 * The directory of what the launcher and nginx's master process read and
 * write.  It is run_dir, or with --user <run_dir>.root, which the user can
 * pass but not change.
 */

#include <sys/stat.h>

#include "qsn_settings.h"
#include "user.h"

/* Its name, to free(), or NULL: no memory, or it can't be there yet. */
char *root_dir_name(const qsn_settings_t *settings);

/*
 * Makes it; with --user nobody but root may be able to put another in its
 * place.  *dir is its name, to free().  Returns 0, or -1 and the sentence in
 * error, which has QSN_SETTINGS_ERROR_SIZE bytes.
 */
int root_dir_make(char **dir, const qsn_settings_t *settings,
    const user_t *user, char *error);

/* Whether nobody but root can rename what root made in that directory. */
int root_dir_holds(const struct stat *info);

#endif
