#ifndef SQL_SIGNAL_H
#define SQL_SIGNAL_H

/*
 * Signals become flags, which everything that waits looks at.  Handlers are
 * set without SA_RESTART, so a system call that blocks ends with EINTR.
 * SIGPIPE is ignored: a reader that went away is an error of the write.
 */

#include <signal.h>

void sql_signal_init(void);

/* Ctrl-C since the last sql_signal_clear(): what is being done ends. */
int sql_signal_interrupted(void);
void sql_signal_clear(void);

/* SIGTERM or SIGHUP, else 0: the program ends. */
int sql_signal_ending(void);

/* 1 once after each change of the terminal's size. */
int sql_signal_resized(void);

/* 1 once after the program was stopped (Ctrl-Z) and continued. */
int sql_signal_continued(void);

/* Blocks all of these; *previous is the mask that a ppoll() may wait with,
   and that sql_signal_release() goes back to. */
void sql_signal_hold(sigset_t *previous);
void sql_signal_release(const sigset_t *previous);

/* For connection_options_t: gives up on either. */
int sql_signal_waiting(void *ctx);

/* Ends this process as the signal would have. */
void sql_signal_die(int signo);

#endif
