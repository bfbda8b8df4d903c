/*
 * nginx's stream module has no word for a client whose connection to the
 * worker breaks, so as few as possible should.  What a session that a worker
 * had accepted was in the middle of dies with that worker.
 */

#include "line_socket.h"

#include <sys/socket.h>
#include <unistd.h>


int
line_socket_create(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}


/* What came is read first: bytes that nobody has read make the end of a
   connection an error, which the other side may see before the reason. */
void
line_socket_turn_away(int fd)
{
    static const char away[] =
        "ERROR: the Qasino worker is away, try again\r\n";
    char bytes[65536];
    int client;

    while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK))
           != -1)
    {
        (void) !read(client, bytes, sizeof(bytes));
        (void) !write(client, away, sizeof(away) - 1);
        (void) close(client);
    }
}
