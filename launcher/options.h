#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * A command line that grows: the user's own, and after it what the launcher
 * has decided (the number of a port that was 0, the directories).  The last
 * one of an option wins, so the children need no other way to be told.
 */

#include "qsn_settings.h"

typedef struct {
    char **argv;                /* ends with NULL */
    int argc;
    int failed;                 /* there was no memory */
} options_t;

void options_create(options_t *options, int argc, char **argv);
void options_destroy(options_t *options);

/* Another program, the same options: the first word of the line. */
void options_set_program(options_t *options, const char *path);

/* "--name=value" */
void options_add(options_t *options, const char *name, const char *value);

/* All listeners, and nothing else, as they stand in settings. */
void options_add_ports(options_t *options, const qsn_settings_t *settings);

/* What else must be the same for all processes of one server. */
void options_add_places(options_t *options, const qsn_settings_t *settings);

#endif
