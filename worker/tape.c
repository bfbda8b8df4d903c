/*
 * Blocks in a list; a cell never straddles two.  A block's used bytes say
 * where it ends, so no end mark is needed.
 */

#include "tape.h"

#include <assert.h>
#include <string.h>

#define BLOCK_MIN   1024
#define BLOCK_MAX   (ARENA_CHUNK_MAX / 2 - 64)      /* two fill a chunk */
#define VARINT_MAX  10

struct tape_block_s {
    tape_block_t *next;
    size_t used;
    size_t size;
    unsigned char data[];
};

static unsigned char *room_for(tape_t *tape, size_t size);
static size_t put_varint(unsigned char *out, uint64_t value);
static uint64_t get_varint(const unsigned char *in, size_t *size);


void
tape_init(tape_t *tape, arena_t *arena)
{
    tape->arena = arena;
    tape->first = NULL;
    tape->last = NULL;
}


int
tape_write(tape_t *tape, const cell_t *cell)
{
    size_t text = cell->kind == CELL_TEXT ? cell->as.text.length : 0;
    unsigned char *start = room_for(tape, 1 + VARINT_MAX + text);
    unsigned char *out = start;

    if (out == NULL) {
        return -1;
    }

    *out++ = (unsigned char) cell->kind;

    switch (cell->kind) {

    case CELL_NULL:
        break;

    case CELL_INTEGER:
        /* zigzag: small numbers of either sign are short */
        out += put_varint(out, ((uint64_t) cell->as.integer << 1)
                               ^ (uint64_t) (cell->as.integer >> 63));
        break;

    case CELL_REAL:
        memcpy(out, &cell->as.real, sizeof(double));
        out += sizeof(double);
        break;

    case CELL_TEXT:
        out += put_varint(out, text);

        if (text) {
            memcpy(out, cell->as.text.data, text);
            out += text;
        }

        break;
    }

    tape->last->used += (size_t) (out - start);

    return 0;
}


void
tape_rewind(const tape_t *tape, tape_reader_t *reader)
{
    reader->block = tape->first;
    reader->at = 0;
}


void
tape_read(tape_reader_t *reader, cell_t *cell)
{
    while (reader->at == reader->block->used) {
        reader->block = reader->block->next;
        reader->at = 0;
        assert(reader->block);
    }

    const unsigned char *in = reader->block->data + reader->at;
    size_t size = 1;
    size_t varint;
    uint64_t value;

    cell->kind = (enum cell_kind) *in++;

    switch (cell->kind) {

    case CELL_NULL:
        break;

    case CELL_INTEGER:
        value = get_varint(in, &varint);
        cell->as.integer = (int64_t) (value >> 1 ^ (0 - (value & 1)));
        size += varint;
        break;

    case CELL_REAL:
        memcpy(&cell->as.real, in, sizeof(double));
        size += sizeof(double);
        break;

    case CELL_TEXT:
        cell->as.text.length = (size_t) get_varint(in, &varint);
        cell->as.text.data = (const char *) in + varint;
        size += varint + cell->as.text.length;
        break;
    }

    reader->at += size;
}


static unsigned char *
room_for(tape_t *tape, size_t size)
{
    tape_block_t *block = tape->last;

    if (block && block->size - block->used >= size) {
        return block->data + block->used;
    }

    size_t block_size = block ? block->size * 2 : BLOCK_MIN;

    if (block_size > BLOCK_MAX) {
        block_size = BLOCK_MAX;
    }

    if (block_size < size) {
        block_size = size;
    }

    block = arena_alloc(tape->arena, sizeof(*block) + block_size);

    if (block == NULL) {
        return NULL;
    }

    block->next = NULL;
    block->used = 0;
    block->size = block_size;

    if (tape->last) {
        tape->last->next = block;
    } else {
        tape->first = block;
    }

    tape->last = block;

    return block->data;
}


static size_t
put_varint(unsigned char *out, uint64_t value)
{
    size_t size = 0;

    while (value >= 0x80) {
        out[size++] = (unsigned char) (value | 0x80);
        value >>= 7;
    }

    out[size++] = (unsigned char) value;

    return size;
}


static uint64_t
get_varint(const unsigned char *in, size_t *size)
{
    uint64_t value = 0;
    size_t i = 0;

    do {
        value |= (uint64_t) (in[i] & 0x7f) << (7 * i);
    } while (in[i++] & 0x80);

    *size = i;

    return value;
}
