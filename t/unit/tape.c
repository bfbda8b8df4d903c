/* tape.c: whatever is written is read back the same, over and over. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape.h"

#define CELLS  30000

static char noise[300 * 1024];


static cell_t
integer(int64_t value)
{
    return (cell_t) { .kind = CELL_INTEGER, .as.integer = value };
}


static cell_t
random_cell(void)
{
    static const double doubles[] = {
        0.0, -0.0, 1.5, -1e308, 5e-324, 1e20, INFINITY, NAN, 0.1
    };
    cell_t cell = { .kind = CELL_NULL };

    switch (random() % 8) {

    case 0:
        break;

    case 1:
        return integer(random() - random());

    case 2:
        /* about every power of two, with either sign */
        cell = integer((int64_t) ((1ull << random() % 64)
                                  + (uint64_t) (random() % 3) - 1));
        break;

    case 3:
        cell.kind = CELL_REAL;
        cell.as.real = doubles[(size_t) random()
                               % (sizeof(doubles) / sizeof(doubles[0]))];
        break;

    case 4:
        cell.kind = CELL_TEXT;
        cell.as.text.data = NULL;
        cell.as.text.length = 0;
        break;

    case 5:
        /* about the sizes of blocks, and of varints */
        cell.kind = CELL_TEXT;
        cell.as.text.data = noise;
        cell.as.text.length = (size_t) random() % 100 == 0
                              ? 128 * 1024 - 20 + (size_t) random() % 40
                              : 1000 + (size_t) random() % 50;
        break;

    default:
        cell.kind = CELL_TEXT;
        cell.as.text.data = noise + random() % 1000;
        cell.as.text.length = (size_t) random() % 300;
        break;
    }

    return cell;
}


static void
assert_cell(const cell_t *cell, const cell_t *expected)
{
    assert_int_equal(cell->kind, expected->kind);

    switch (expected->kind) {

    case CELL_NULL:
        break;

    case CELL_INTEGER:
        assert_true(cell->as.integer == expected->as.integer);
        break;

    case CELL_REAL:
        /* bit by bit: -0.0 and NaN too */
        assert_memory_equal(&cell->as.real, &expected->as.real, 8);
        break;

    case CELL_TEXT:
        assert_int_equal(cell->as.text.length, expected->as.text.length);

        if (expected->as.text.length) {
            assert_memory_equal(cell->as.text.data, expected->as.text.data,
                                expected->as.text.length);
        }

        break;
    }
}


static void
test_round_trip(void **state)
{
    static cell_t cells[CELLS];
    arena_t arena;
    tape_t tape;
    tape_reader_t readers[2];
    cell_t cell;

    (void) state;
    srandom(6);

    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (char) random();
    }

    arena_init(&arena);
    tape_init(&tape, &arena);

    for (size_t i = 0; i < CELLS; i++) {
        cells[i] = random_cell();
        assert_int_equal(tape_write(&tape, &cells[i]), 0);

        /* the arena has other users meanwhile */
        if (random() % 4 == 0) {
            memset(arena_alloc(&arena, 30), 0xff, 30);
        }
    }

    /* any number of times, also at the same time */
    tape_rewind(&tape, &readers[0]);
    tape_rewind(&tape, &readers[1]);

    for (size_t i = 0; i < CELLS; i++) {
        tape_read(&readers[0], &cell);
        assert_cell(&cell, &cells[i]);

        if (i % 2) {
            tape_read(&readers[1], &cell);
            assert_cell(&cell, &cells[i / 2]);
        }
    }

    tape_rewind(&tape, &readers[0]);
    tape_read(&readers[0], &cell);
    assert_cell(&cell, &cells[0]);
    arena_free(&arena);
}


static void
test_limits(void **state)
{
    static const int64_t values[] = {
        INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 0, -1, 1, 63,
        64, -64, -65, 8191, 8192, -8192, -8193, INT32_MIN, INT32_MAX,
        (int64_t) 1 << 62, -((int64_t) 1 << 62)
    };
    size_t count = sizeof(values) / sizeof(values[0]);
    arena_t arena;
    tape_t tape;
    tape_reader_t reader;
    cell_t cell;

    (void) state;
    arena_init(&arena);
    tape_init(&tape, &arena);

    for (size_t i = 0; i < count; i++) {
        cell = integer(values[i]);
        assert_int_equal(tape_write(&tape, &cell), 0);
    }

    tape_rewind(&tape, &reader);

    for (size_t i = 0; i < count; i++) {
        tape_read(&reader, &cell);
        assert_int_equal(cell.kind, CELL_INTEGER);
        assert_true(cell.as.integer == values[i]);
    }

    arena_free(&arena);
}


/* One text larger than any block, between two small cells. */
static void
test_large_text(void **state)
{
    size_t size = 20 * 1024 * 1024;
    char *text = malloc(size);
    cell_t large = { .kind = CELL_TEXT };
    cell_t cell = integer(7);
    arena_t arena;
    tape_t tape;
    tape_reader_t reader;

    (void) state;
    assert_non_null(text);
    memset(text, 'L', size);
    text[size - 1] = '!';
    large.as.text.data = text;
    large.as.text.length = size;
    arena_init(&arena);
    tape_init(&tape, &arena);
    assert_int_equal(tape_write(&tape, &cell), 0);
    assert_int_equal(tape_write(&tape, &large), 0);
    assert_int_equal(tape_write(&tape, &cell), 0);
    assert_true(arena.total < size + 1024 * 1024);

    tape_rewind(&tape, &reader);
    tape_read(&reader, &cell);
    assert_int_equal(cell.as.integer, 7);
    tape_read(&reader, &cell);
    assert_int_equal(cell.as.text.length, size);
    assert_memory_equal(cell.as.text.data, text, size);
    tape_read(&reader, &cell);
    assert_int_equal(cell.kind, CELL_INTEGER);
    assert_int_equal(cell.as.integer, 7);
    arena_free(&arena);
    free(text);
}


/* The promise of tape.h: a small integer takes about as much as in JSON. */
static void
test_compact(void **state)
{
    arena_t arena;
    tape_t tape;
    cell_t cell = integer(-5);

    (void) state;
    arena_init(&arena);
    tape_init(&tape, &arena);

    for (int i = 0; i < 1000000; i++) {
        assert_int_equal(tape_write(&tape, &cell), 0);
    }

    assert_true(arena.total < 5 * 1000000);
    arena_free(&arena);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large_text),
        cmocka_unit_test(test_compact)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
