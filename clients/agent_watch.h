#ifndef AGENT_WATCH_H
#define AGENT_WATCH_H

/*
 * Wakes the agent when something happens in a directory that it has files
 * in.  What happened is found out by looking at the files: events are only
 * a reason to look, so that a missed one (a network file system, a full
 * queue) costs a delay and nothing else.
 */

typedef struct {
    int fd;                     /* for poll(); -1: no inotify here */
    struct agent_watch_directory_s *directories;
} agent_watch_t;

void agent_watch_open(agent_watch_t *watch);
void agent_watch_close(agent_watch_t *watch);

/* Begin, add each directory, end: those not added are watched no more. */
void agent_watch_begin(agent_watch_t *watch);
void agent_watch_add(agent_watch_t *watch, const char *directory);
void agent_watch_end(agent_watch_t *watch);

/* Reads what is there: the number of events. */
int agent_watch_drain(agent_watch_t *watch);

#endif
