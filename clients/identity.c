/*
 * A plain host name is looked up for its canonical form.  Where the resolver
 * knows only a loopback name ("localhost"), which every machine has, the
 * plain name is better.
 */

#include "identity.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void canonical_name(char *identity);


void
identity_default(char *identity)
{
    if (gethostname(identity, IDENTITY_SIZE) != 0) {
        identity[0] = '\0';
    }

    identity[IDENTITY_SIZE - 1] = '\0';

    if (identity[0] && strchr(identity, '.') == NULL) {
        canonical_name(identity);
    }

    if (identity[0] == '\0') {
        (void) strcpy(identity, "localhost");
    }
}


static void
canonical_name(char *identity)
{
    struct addrinfo hints = {
        .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM
    };
    struct addrinfo *found = NULL;

    if (getaddrinfo(identity, NULL, &hints, &found) != 0) {
        return;
    }

    const char *name = found->ai_canonname;

    if (name && name[0] && strlen(name) < IDENTITY_SIZE
        && strncmp(name, "localhost", 9) != 0)
    {
        (void) snprintf(identity, IDENTITY_SIZE, "%s", name);
    }

    freeaddrinfo(found);
}
