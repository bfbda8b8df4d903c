#ifndef SHARES_H
#define SHARES_H

/*
 * A fleet of publishers as processes that have a share of it each
 * (publishers.h).  They are told together, and what they count is added up.
 */

#include <stdint.h>

#include "publishers.h"

#define SHARES_MAX  16

/* Numbers of publishers from 0 to publishers - 1, in 1 to SHARES_MAX
   processes; options: of the whole fleet, ->first and ->count are not looked
   at.  Exits where it cannot. */
void shares_start(const publishers_options_t *options, unsigned publishers,
    unsigned processes);
void shares_stop(void);

void shares_measure(int measuring);

/* Publishers, with both connections. */
uint64_t shares_connected(void);

/* publishers_acked() of all. */
uint64_t shares_acked(uint64_t number, unsigned table);

/* To *all, what was counted while measuring; the first error of each process
   on stderr. */
void shares_add_up(publishers_shared_t *all);

#endif
