/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Each value is in the one class that ends at or above it, and the one before
 * ends below it. */
static void
test_classes(void **state)
{
    (void) state;
    for (uint64_t base = 1; base; base <<= 1) {
        for (int64_t off = -3; off <= 3; off++) {
            uint64_t value = base + off;
            unsigned c = histogram_class(value);

            assert_true(c < HISTOGRAM_CLASSES);
            assert_true(value <= histogram_top(c));
            assert_true(!c || value > histogram_top(c - 1));
        }
    }
}

/* A class ends within a 64th of any value in it. */
static void
test_precision(void **state)
{
    (void) state;
    for (uint64_t value = 1; value < UINT64_MAX / 3; value = value * 3 + 1) {
        uint64_t top = histogram_top(histogram_class(value));

        assert_true(top - value <= value / HISTOGRAM_SUB);
    }
}

static void
test_quantiles(void **state)
{
    static struct histogram h;

    (void) state;
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    for (unsigned i = 1; i <= 100; i++) {
        histogram_add(&h, i <= 50 ? 7 : i <= 99 ? 21 : 1000000);
    }
    assert_int_equal(histogram_quantile(&h, 0.5), 7);
    assert_int_equal(histogram_quantile(&h, 0.51), 21);
    assert_int_equal(histogram_quantile(&h, 0.99), 21);
    assert_int_equal(histogram_quantile(&h, 0.999), 1000000);
    assert_int_equal(histogram_quantile(&h, 1), 1000000);
    assert_int_equal(h.n, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
