/* arena.c: alignment, sizes about the chunks', no two pieces overlap. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

#define PIECES  2000


static void
test_pieces(void **state)
{
    static unsigned char *pieces[PIECES];
    static size_t sizes[PIECES];
    size_t sum = 0;
    arena_t arena;

    (void) state;
    srandom(5);
    arena_init(&arena);

    for (int i = 0; i < PIECES; i++) {
        /* mostly small, sometimes about a chunk, sometimes far past it */
        switch (random() % 20) {
        case 0:
            sizes[i] = ARENA_CHUNK_MIN - 40 + (size_t) random() % 80;
            break;
        case 1:
            sizes[i] = ARENA_CHUNK_MAX - 40 + (size_t) random() % 80;
            break;
        default:
            sizes[i] = (size_t) random() % 200;
        }

        pieces[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t) pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], i, sizes[i]);
        sum += sizes[i];
    }

    for (int i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            if (pieces[i][at] != (unsigned char) i) {
                fail_msg("piece %d was overwritten at %zu", i, at);
            }
        }
    }

    assert_true(arena.total >= sum);
    arena_free(&arena);
    assert_int_equal(arena.total, 0);
    assert_null(arena.chunks);
}


/* Every size about the border of the first chunk. */
static void
test_borders(void **state)
{
    (void) state;

    for (size_t size = ARENA_CHUNK_MIN - 64; size < ARENA_CHUNK_MIN + 64;
         size++)
    {
        arena_t arena;

        arena_init(&arena);

        char *first = arena_alloc(&arena, size);
        char *second = arena_alloc(&arena, 1);

        assert_non_null(first);
        assert_non_null(second);
        memset(first, 'a', size);
        *second = 'b';
        assert_int_equal(first[size - 1], 'a');
        arena_free(&arena);
    }
}


static void
test_large(void **state)
{
    arena_t arena;
    size_t size = 50 * 1024 * 1024;

    (void) state;
    arena_init(&arena);

    char *small = arena_alloc(&arena, 10);
    char *large = arena_alloc(&arena, size);
    char *after = arena_alloc(&arena, 10);

    assert_non_null(small);
    assert_non_null(large);
    assert_non_null(after);
    memset(large, 1, size);
    memset(small, 2, 10);
    memset(after, 3, 10);
    assert_int_equal(large[0], 1);
    assert_int_equal(large[size - 1], 1);
    assert_true(arena.total < size + 4 * ARENA_CHUNK_MAX);
    arena_free(&arena);
}


static void
test_impossible(void **state)
{
    arena_t arena;

    (void) state;
    arena_init(&arena);

    /* none of these may wrap around to a small size */
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1));
    assert_non_null(arena_alloc(&arena, 16));
    arena_free(&arena);
    arena_free(&arena);
}


static void
test_copy(void **state)
{
    arena_t arena;

    (void) state;
    arena_init(&arena);

    char *text = arena_copy(&arena, "abc\0def", 7);
    char *none = arena_copy(&arena, NULL, 0);

    assert_memory_equal(text, "abc\0def\0", 8);
    assert_string_equal(none, "");

    for (size_t length = 0; length < 5000; length += 7) {
        static char long_text[5000];

        memset(long_text, 'l', sizeof(long_text));

        char *copy = arena_copy(&arena, long_text, length);

        assert_int_equal(strlen(copy), length);
    }

    arena_free(&arena);
}


/* Usable again after being freed, and doubling stops at its bound. */
static void
test_chunk_sizes(void **state)
{
    arena_t arena;

    (void) state;
    arena_init(&arena);

    for (int round = 0; round < 2; round++) {
        assert_non_null(arena_alloc(&arena, 1));
        assert_int_equal(arena.total, ARENA_CHUNK_MIN);

        for (int i = 0; i < 100; i++) {
            size_t before = arena.total;

            assert_non_null(arena_alloc(&arena, arena.left + 1));
            assert_true(arena.total - before <= 2 * ARENA_CHUNK_MAX);
        }

        assert_true(arena.chunk_size <= ARENA_CHUNK_MAX);
        arena_free(&arena);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_chunk_sizes)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
