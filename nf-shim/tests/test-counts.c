/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What nf-monitor counts and prints. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "counts.h"
#include "frames.h"

static struct counts counts;

static int
setup(void **state)
{
    (void) state;
    memset(&counts, 0, sizeof counts);
    return 0;
}

static void
add(const struct frame_spec *spec, int n)
{
    struct frame f;

    frame_make(&f, spec);
    while (n--) {
        counts_add(&counts, f.bytes, f.len);
    }
}

static void
test_print(void **state)
{
    static const struct frame_spec specs[] = {
        { .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 6 }, /* 54 bytes. */
        { .src = "10.0.0.2", .dst = "10.0.0.1", .proto = 6, .fragment = 3 },
        { .src = "2001:db8::1", .dst = "::1", .proto = 58 }, /* 74 bytes. */
        { .src = "10.0.0.2", .dst = "10.0.0.1", .proto = 253 },
        { .n_vlans = 0 },       /* 34 bytes. */
        { .n_vlans = 3 },       /* 46 bytes. */
    };
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    (void) state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        add(&specs[i], i + 1);
    }
    counts_print(stream, "m", &counts, 2);
    fclose(stream);
    assert_string_equal(text,
                        "m: ipv4 tcp packets=3 bytes=162\n"
                        "m: ipv4 proto-253 packets=4 bytes=216\n"
                        "m: ipv6 icmp6 packets=3 bytes=222\n"
                        "m: later-fragments packets=2 bytes=108\n"
                        "m: arp packets=5 bytes=170\n"
                        "m: malformed packets=6 bytes=276\n"
                        "m: talker 1 10.0.0.2 bytes=324 packets=6\n"
                        "m: talker 2 2001:db8::1 bytes=222 packets=3\n");
    free(text);
}

static void
test_top(void **state)
{
    struct talker top[4];

    (void) state;
    assert_int_equal(talkers_top(&counts.talkers, top, 4), 0);
    for (int i = 1; i <= 9; i++) {
        struct frame_spec spec = { .dst = "10.0.0.1", .proto = 6 };
        char src[16];

        snprintf(src, sizeof src, "10.9.0.%d", i);
        spec.src = src;
        add(&spec, i * 7 % 10);
    }
    assert_int_equal(talkers_top(&counts.talkers, top, 0), 0);
    assert_int_equal(talkers_top(&counts.talkers, top, 4), 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(top[i].n_packets, 9 - i);
        assert_int_equal(top[i].n_bytes, 54 * (9 - i));
        assert_int_equal(top[i].addr.bytes[3] * 7 % 10, 9 - i);
        assert_int_equal(top[i].error, 0);
    }
}

/* Among a hundred thousand sources the one that sends the most is found,
 * although it comes late, and its count is right within its error. */
static void
test_many_talkers(void **state)
{
    const int n = 100000;
    struct talker top[1];
    uint64_t n_bytes = 0;

    (void) state;
    for (int i = 0; i < n; i++) {
        struct flow flow = { .kind = FLOW_IPV4 };

        memcpy(flow.src.bytes, &i, sizeof i);
        flow.src.bytes[3] = 77;
        talkers_count(&counts.talkers, &flow, 100);
        if (i > n / 2 && i % 19 == 0) {
            memset(flow.src.bytes, 9, 4);
            talkers_count(&counts.talkers, &flow, 100);
            n_bytes += 100;
        }
    }
    assert_int_equal(talkers_top(&counts.talkers, top, 1), 1);
    assert_int_equal(top->addr.bytes[0], 9);
    assert_in_range(top->error, 1, n_bytes / 10);
    assert_in_range(top->n_bytes, n_bytes + 1, n_bytes + top->error);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_print, setup),
        cmocka_unit_test_setup(test_top, setup),
        cmocka_unit_test_setup(test_many_talkers, setup),
    };

    return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
