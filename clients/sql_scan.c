/* One pass, one byte of look-ahead. */

#include "sql_scan.h"

#include <ctype.h>
#include <string.h>

static int step(sql_scan_t *scan, const char *text, size_t length);
static int is_no_code(char inside);
static int scan_plain(sql_scan_t *scan, char byte, char next);
static void scan_inside(sql_scan_t *scan, char byte, char next);


int
sql_scan_next(sql_scan_t *scan, const char *text, size_t length)
{
    while (scan->at < length) {
        if (step(scan, text, length)) {
            return 1;
        }
    }

    return 0;
}


void
sql_scan_blank(char *text, size_t length)
{
    sql_scan_t scan = { 0 };

    while (scan.at < length) {
        size_t from = scan.at;
        char was = scan.inside;

        (void) step(&scan, text, length);

        if (is_no_code(was) || is_no_code(scan.inside)) {
            memset(text + from, ' ', scan.at - from);
        }
    }
}


/* A byte, or two: 1 if it ended a statement. */
static int
step(sql_scan_t *scan, const char *text, size_t length)
{
    char byte = text[scan->at];
    char next = scan->at + 1 < length ? text[scan->at + 1] : '\0';

    scan->at++;

    if (scan->inside) {
        scan_inside(scan, byte, next);
        return 0;
    }

    return scan_plain(scan, byte, next);
}


static int
is_no_code(char inside)
{
    return inside == '\'' || inside == '-' || inside == '*';
}


static int
scan_plain(sql_scan_t *scan, char byte, char next)
{
    switch (byte) {

    case ';':
        return 1;

    case '\'':
    case '"':
    case '`':
        scan->inside = byte;
        break;

    case '[':
        scan->inside = ']';
        break;

    case '-':
        if (next == '-') {
            scan->inside = '-';
            return 0;
        }

        break;

    case '/':
        if (next == '*') {
            scan->inside = '*';
            scan->at++;
            return 0;
        }

        break;
    }

    scan->has_content |= !isspace((unsigned char) byte);

    return 0;
}


static void
scan_inside(sql_scan_t *scan, char byte, char next)
{
    switch (scan->inside) {

    case '-':
        scan->inside = byte == '\n' ? 0 : '-';
        return;

    case '*':
        if (byte == '*' && next == '/') {
            scan->inside = 0;
            scan->at++;
        }

        return;

    default:
        /* a doubled quote closes and opens again: the same in the end */
        if (byte == scan->inside) {
            scan->inside = 0;
        }

        return;
    }
}
