#ifndef TELNET_H
#define TELNET_H

/*
 * What telnet sends beside what its user types.  One that is no telnet sends
 * no such bytes: 255 is in no UTF-8.
 */

/* Where in the stream it is; zeroed at its begin. */
typedef enum {
    TELNET_DATA,
    TELNET_COMMAND,             /* after IAC */
    TELNET_OPTION,              /* after WILL, WONT, DO, DONT */
    TELNET_SUB,                 /* inside SB ... IAC SE */
    TELNET_SUB_IAC
} telnet_t;

/* The next byte: 1 if it is telnet's own. */
int telnet_skips(telnet_t *telnet, unsigned char byte);

#endif
