#ifndef CONFINE_H
#define CONFINE_H

/*
 * The second wall, for the day that SQLite itself has a hole: after this a
 * query process can read files, write on descriptors that it has or is
 * handed, and take memory up to a bound; it can make no socket, no file, no
 * process and no code.  There is no way back.
 */

#include "qsn_settings.h"

/* When all that is needed is open and all threads run.  Where the kernel
   does not let us, a line in the log says so, and queries go on without. */
void confine_process(const qsn_settings_t *settings);

#endif
