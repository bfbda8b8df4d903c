#ifndef FUNCTIONS_H
#define FUNCTIONS_H

/*
 * Functions of SQLite whose one call can run for minutes, or past the end of
 * the stack, on values that max_cell allows, in a bounded form under the
 * same name.  Nothing stops a call while it runs but the end of its process,
 * so each has to be short by itself.  What they answer is what SQLite
 * answers; what is too much is an error that names the option.
 */

#include <sqlite3.h>

#include "policy.h"

/* On a handle that policy_harden() has seen.  limits is copied.  Returns an
   SQLite result code. */
int functions_register(sqlite3 *db, const policy_limits_t *limits);

#endif
