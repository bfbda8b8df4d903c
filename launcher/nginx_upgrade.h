#ifndef NGINX_UPGRADE_H
#define NGINX_UPGRADE_H

/*
 * What is nginx's own about being replaced: how it passes its sockets on, how
 * one sees that the new one is up, and the name of its unix socket.
 */

#include "layout.h"
#include "upgrade.h"

/* Starts another nginx on the sockets of this one, or logs why not. */
void nginx_upgrade_begin(upgrade_t *upgrade);

/* Does what can be done now, while one is being replaced. */
void nginx_upgrade_turn(upgrade_t *upgrade, const layout_t *layout);

/* The old one is gone. */
void nginx_upgrade_ended(const upgrade_t *upgrade);

/* Whatever has the place now has died: the next one has sockets of its own. */
void nginx_upgrade_died(const upgrade_t *upgrade);

#endif
