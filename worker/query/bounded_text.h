#ifndef BOUNDED_TEXT_H
#define BOUNDED_TEXT_H

/*
 * instr(), replace() and the trims, written anew: they answer what SQLite's
 * own answer, in linear time.
 */

#include <stdint.h>

#include <sqlite3.h>

/* As SQLite calls a function.  The trims take one argument or two. */
void bounded_text_instr(sqlite3_context *context, int argc,
    sqlite3_value **argv);
void bounded_text_trim(sqlite3_context *context, int argc,
    sqlite3_value **argv);
void bounded_text_ltrim(sqlite3_context *context, int argc,
    sqlite3_value **argv);
void bounded_text_rtrim(sqlite3_context *context, int argc,
    sqlite3_value **argv);

/* Of three arguments; a result of more than max bytes is too big. */
void bounded_text_replace(sqlite3_context *context, sqlite3_value **argv,
    uint64_t max);

#endif
