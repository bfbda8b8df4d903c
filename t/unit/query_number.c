/* number.c: exact cases, and that what is printed reads back. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number.h"

static uint64_t
random64(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


static void
check_double(double value, const char *expected)
{
    char text[NUMBER_SIZE + 1] = { 0 };

    text[number_from_double(text, value)] = '\0';
    assert_string_equal(text, expected);
}


static void
check_round_trip(double value)
{
    char text[NUMBER_SIZE + 1] = { 0 };
    char other[64];
    size_t length = number_from_double(text, value);

    assert_true(length <= NUMBER_SIZE);
    text[length] = '\0';

    if (strtod(text, NULL) != value) {
        fail_msg("%.17g became %s", value, text);
    }

    /* No fewer digits would do. */
    int digits = 0, zeros = 0, started = 0;

    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p < '0' || *p > '9') {
            continue;
        }

        started |= *p != '0';
        digits += started;
        zeros = *p == '0' ? zeros + 1 : 0;
    }

    digits -= zeros;

    if (digits > 1) {
        (void) snprintf(other, sizeof(other), "%.*e", digits - 2, value);

        if (strtod(other, NULL) == value) {
            fail_msg("%s is longer than %s", text, other);
        }
    }
}


static void
test_integers(void **state)
{
    uint64_t seed = 88172645463325252ull;

    (void) state;

    for (int i = 0; i < 200000; i++) {
        int64_t value = (int64_t) (random64(&seed) >> (i % 64));
        char text[NUMBER_SIZE + 1] = { 0 }, expected[32];

        value = i & 1 ? value : -value;
        value = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : value;
        text[number_from_int(text, value)] = '\0';
        (void) snprintf(expected, sizeof(expected), "%" PRId64, value);
        assert_string_equal(text, expected);
    }

    for (int64_t value = -1200; value < 1200; value++) {
        char text[NUMBER_SIZE + 1] = { 0 };

        text[number_from_int(text, value)] = '\0';
        assert_int_equal(atoi(text), value);
    }
}


static void
test_doubles(void **state)
{
    (void) state;

    check_double(0.0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(1.0, "1.0");
    check_double(100000.0, "100000.0");
    check_double(1.5, "1.5");
    check_double(-2.25, "-2.25");
    check_double(0.1, "0.1");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1.0 / 3, "0.3333333333333333");
    check_double(1382131575.8912345, "1382131575.8912344");
    check_double(1382131575.89, "1382131575.89");
    check_double(123456789012345.6, "123456789012345.6");
    check_double(1e15, "1000000000000000.0");
    check_double(9007199254740993.0, "9007199254740992.0");
    check_double(1e16, "1e+16");
    check_double(1e20, "1e+20");
    check_double(1.5e300, "1.5e+300");
    check_double(1e300, "1e+300");
    check_double(0.0001, "0.0001");
    check_double(0.00012345, "0.00012345");
    check_double(0.00001, "1e-05");
    check_double(1e-7, "1e-07");
    check_double(5e-324, "5e-324");
    check_double(1.7976931348623157e308, "1.7976931348623157e+308");
    check_double(2.2250738585072014e-308, "2.2250738585072014e-308");
    check_double(INFINITY, "inf");
    check_double(-INFINITY, "-inf");
}


static void
test_round_trip(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15ull;

    (void) state;

    for (int i = 0; i < 200000; i++) {
        uint64_t bits = random64(&seed);
        double value;

        memcpy(&value, &bits, sizeof(value));

        if (isfinite(value)) {
            check_round_trip(value);
        }

        /* decimals as measurements have them */
        check_round_trip((double) (bits >> (11 + i % 50))
                         / pow(10, i % 12));
        check_round_trip((double) (bits % 10000000) * 0.001);
    }
}


static void
test_powers_of_two(void **state)
{
    (void) state;

    for (int e = -1074; e < 1024; e++) {
        check_round_trip(ldexp(1.0, e));
        check_round_trip(-ldexp(1.0, e));
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_powers_of_two)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
