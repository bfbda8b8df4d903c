#ifndef TAPE_H
#define TAPE_H

/*
 * The rows of one table as they were parsed: cells one after the other in a
 * compact encoding (a tag, then a varint, eight bytes or text), so that a
 * parsed body is about as large as the JSON it came from, and column names
 * may come after the rows.  Written once, then read front to back any number
 * of times.  The memory is the arena's.
 */

#include <stddef.h>
#include <stdint.h>

#include "arena.h"

enum cell_kind {
    CELL_NULL = 0,
    CELL_INTEGER = 1,
    CELL_REAL = 2,
    CELL_TEXT = 3
};

typedef struct {
    enum cell_kind kind;
    union {
        int64_t integer;
        double real;
        struct {
            const char *data;   /* not terminated */
            size_t length;
        } text;
    } as;
} cell_t;

typedef struct tape_block_s tape_block_t;

typedef struct {
    arena_t *arena;
    tape_block_t *first;
    tape_block_t *last;
} tape_t;

typedef struct {
    const tape_block_t *block;
    size_t at;
} tape_reader_t;

void tape_init(tape_t *tape, arena_t *arena);

/* 0, or -1 without memory. */
int tape_write(tape_t *tape, const cell_t *cell);

void tape_rewind(const tape_t *tape, tape_reader_t *reader);

/* Reading past the last written cell is a fault of the caller. */
void tape_read(tape_reader_t *reader, cell_t *cell);

#endif
