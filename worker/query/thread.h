#ifndef THREAD_H
#define THREAD_H

/* Starts a thread that nobody joins and no signal interrupts.  0, or -1 with
   errno set. */
int thread_start(void *(*run)(void *data), void *data);

#endif
