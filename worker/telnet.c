/* Telnet's negotiation, of which nothing is wanted. */

#include "telnet.h"

/* RFC 854 */
#define TELNET_SE    240
#define TELNET_SB    250
#define TELNET_WILL  251
#define TELNET_DONT  254
#define TELNET_IAC   255


int
telnet_skips(telnet_t *telnet, unsigned char byte)
{
    switch (*telnet) {

    case TELNET_DATA:
        if (byte != TELNET_IAC) {
            return 0;
        }

        *telnet = TELNET_COMMAND;
        return 1;

    case TELNET_COMMAND:
        if (byte >= TELNET_WILL && byte <= TELNET_DONT) {
            *telnet = TELNET_OPTION;
        } else {
            *telnet = byte == TELNET_SB ? TELNET_SUB : TELNET_DATA;
        }

        return 1;

    case TELNET_OPTION:
        *telnet = TELNET_DATA;
        return 1;

    case TELNET_SUB:
        if (byte == TELNET_IAC) {
            *telnet = TELNET_SUB_IAC;
        }

        return 1;

    case TELNET_SUB_IAC:
        *telnet = byte == TELNET_SE ? TELNET_DATA : TELNET_SUB;
        return 1;
    }

    return 0;
}
