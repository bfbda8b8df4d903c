#ifndef CLOCK_H
#define CLOCK_H

/*
 * What SQL takes for now.  Readers open their files through the file system
 * CLOCK_VFS, which is SQLite's own but for its clock: that can be stopped.
 *
 * Threads: the main thread.
 */

#include <stdint.h>

#define CLOCK_VFS  "qasino"

/* Once, before any file is opened.  0, or -1. */
int clock_start(void);

/* From here on 'now' is that, in ms since 1970; 0: what it really is. */
void clock_freeze(int64_t epoch_ms);

#endif
