#ifndef IDENTITY_H
#define IDENTITY_H

/*
 * Who publishes, unless --identity says otherwise: the fully qualified name
 * of this host as the resolver knows it, else its plain name.
 */

#define IDENTITY_SIZE  256      /* with the NUL; the server's limit */

/* Fills identity (IDENTITY_SIZE bytes); never empty. */
void identity_default(char *identity);

#endif
