/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The verbs of a ring, one thread: what they return and what they write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vhc/ring.h"

#define SIZE 8                  /* Entries. */

/* A ring of SIZE entries and both views of it. */
struct pair {
    struct vhc_ring *ring;
    struct vhc_prod p;
    struct vhc_cons c;
};

/* Makes an empty ring whose indices start at 'index'. */
static void
pair_init(struct pair *pair, uint32_t index)
{
    pair->ring = calloc(1, vhc_ring_bytes(SIZE));
    assert_non_null(pair->ring);
    pair->ring->prod = pair->ring->cons = 12345;
    vhc_prod_init(&pair->p, pair->ring, SIZE);
    assert_int_equal(pair->ring->prod, 0);
    assert_int_equal(pair->ring->cons, 12345);
    vhc_cons_init(&pair->c, pair->ring, SIZE);
    assert_int_equal(pair->ring->cons, 0);

    pair->p.prod = pair->p.cons = index;
    pair->c.prod = pair->c.cons = index;
    pair->ring->prod = pair->ring->cons = index;
}

static void
pair_free(struct pair *pair)
{
    free(pair->ring);
}

static struct vhc_desc
numbered(uint32_t i)
{
    return (struct vhc_desc) {
        .buf = i, .off = i * 3, .len = i * 5, .mark = ~i, .verdict = i % 3,
        .flags = i, .reserved = i * 7,
    };
}

static uint32_t
put(struct pair *pair, uint32_t first, uint32_t n)
{
    n = vhc_ring_reserve(&pair->p, n);
    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc desc = numbered(first + i);

        vhc_ring_put(&pair->p, i, &desc);
    }
    vhc_ring_submit(&pair->p, n);
    return n;
}

static uint32_t
take(struct pair *pair, uint32_t first, uint32_t n)
{
    n = vhc_ring_peek(&pair->c, n);
    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc got = vhc_ring_get(&pair->c, i);
        struct vhc_desc want = numbered(first + i);

        assert_memory_equal(&got, &want, sizeof got);
    }
    vhc_ring_release(&pair->c, n);
    return n;
}

static void
test_full_and_empty(void **state)
{
    static const struct {
        char verb;              /* 'p': put, 't': take. */
        uint32_t n, want;       /* Entries tried, entries done. */
    } steps[] = {
        { 't', 1, 0 },          /* Empty. */
        { 't', SIZE, 0 },
        { 'p', 0, 0 },
        { 'p', 3, 3 },
        { 'p', SIZE, SIZE - 3 }, /* What is left. */
        { 'p', 1, 0 },          /* Full. */
        { 'p', UINT32_MAX, 0 },
        { 't', 0, 0 },
        { 't', 2, 2 },
        { 'p', 3, 2 },
        { 't', UINT32_MAX, SIZE }, /* All. */
        { 't', 1, 0 },
        { 'p', SIZE + 1, SIZE },
        { 't', SIZE, SIZE },
        { 't', 1, 0 },
    };
    uint32_t n_put = 0, n_taken = 0;
    struct pair pair;

    (void) state;
    pair_init(&pair, 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint32_t n;

        if (steps[i].verb == 'p') {
            n = put(&pair, n_put, steps[i].n);
            n_put += n;
        } else {
            n = take(&pair, n_taken, steps[i].n);
            n_taken += n;
        }
        if (n != steps[i].want) {
            fail_msg("step %zu: %u, not %u", i, n, steps[i].want);
        }
        assert_int_equal(pair.ring->prod, n_put);
        assert_int_equal(pair.ring->cons, n_taken);
    }
    assert_false(pair.p.bad);
    assert_false(pair.c.bad);
    pair_free(&pair);
}

/* What is reserved but not submitted is not there yet, and what is peeked but
 * not released is there still. */
static void
test_two_steps(void **state)
{
    struct vhc_desc desc = numbered(7);
    struct pair pair;

    (void) state;
    pair_init(&pair, 0);
    assert_int_equal(vhc_ring_reserve(&pair.p, 2), 2);
    vhc_ring_put(&pair.p, 0, &desc);
    assert_int_equal(vhc_ring_peek(&pair.c, 1), 0);
    vhc_ring_submit(&pair.p, 1);
    assert_int_equal(vhc_ring_peek(&pair.c, 2), 1);
    assert_int_equal(vhc_ring_peek(&pair.c, 2), 1);
    assert_int_equal(vhc_ring_get(&pair.c, 0).buf, 7);
    assert_int_equal(vhc_ring_reserve(&pair.p, SIZE), SIZE - 1);
    vhc_ring_release(&pair.c, 1);
    assert_int_equal(vhc_ring_reserve(&pair.p, SIZE), SIZE);
    pair_free(&pair);
}

/* Each start just below 2^32, with bursts of each length. */
static void
test_wrap(void **state)
{
    (void) state;
    for (uint32_t below = 0; below <= SIZE + 1; below++) {
        for (uint32_t burst = 1; burst <= SIZE; burst++) {
            uint32_t start = 0 - below;
            struct pair pair;

            pair_init(&pair, start);
            for (uint32_t i = 0; i < 4 * SIZE; i += burst) {
                assert_int_equal(put(&pair, i, burst), burst);
                assert_int_equal(vhc_ring_reserve(&pair.p, SIZE),
                                 SIZE - burst);
                assert_int_equal(take(&pair, i, SIZE), burst);
                assert_int_equal(pair.ring->prod, start + i + burst);
                assert_int_equal(pair.ring->cons, start + i + burst);
            }
            assert_false(pair.p.bad || pair.c.bad);
            pair_free(&pair);
        }
    }
}

/* A full ring across the wrap is full, not corrupt. */
static void
test_wrap_full(void **state)
{
    (void) state;
    for (uint32_t below = 0; below <= SIZE; below++) {
        struct pair pair;

        pair_init(&pair, 0 - below);
        assert_int_equal(put(&pair, 0, SIZE), SIZE);
        assert_int_equal(put(&pair, 0, 1), 0);
        assert_int_equal(take(&pair, 0, SIZE + 1), SIZE);
        assert_int_equal(take(&pair, 0, 1), 0);
        assert_false(pair.p.bad || pair.c.bad);
        pair_free(&pair);
    }
}

/* The producer has put 'put' entries from 'start' on, of which it knows that
 * none was taken, when the consumer's index reads 'cons'. */
static void
test_bad_consumer(void **state)
{
    static const struct {
        uint32_t start, put;
        uint32_t cons;
        uint32_t want;          /* Entries that may be put. */
        bool bad;
    } cases[] = {
        { 0, 0, 0, SIZE, false },
        { 0, 0, 1, 0, true },   /* More taken than put. */
        { 0, 0, UINT32_MAX, SIZE - 1, false }, /* Late, but possible. */
        { 0, 0, 0u - SIZE, 0, false },
        { 0, 0, 0u - SIZE - 1, 0, true },
        { 0, 5, 5, SIZE, false },
        { 0, 5, 6, 0, true },
        { 0, SIZE, 0, 0, false },
        { 0, SIZE, UINT32_MAX, 0, true }, /* More in it than fit. */
        { 0, SIZE, SIZE, SIZE, false },
        { 0, SIZE, SIZE + 1, 0, true },
        { 0, SIZE, 0x80000000, 0, true },
        { UINT32_MAX, 3, 2, SIZE, false }, /* 2 = UINT32_MAX + 3. */
        { UINT32_MAX, 3, 3, 0, true },
        { UINT32_MAX, SIZE, UINT32_MAX, 0, false },
        { UINT32_MAX, SIZE, UINT32_MAX - 1, 0, true },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        uint32_t n;

        pair_init(&pair, cases[i].start);
        put(&pair, 0, cases[i].put);
        pair.ring->cons = cases[i].cons;
        n = vhc_ring_reserve(&pair.p, SIZE + 1); /* Reads the index. */
        if (n != cases[i].want || pair.p.bad != cases[i].bad) {
            fail_msg("case %zu: %u entries%s", i, n,
                     pair.p.bad ? ", bad" : "");
        }
        if (cases[i].bad) {     /* For good. */
            pair.ring->cons = cases[i].start + cases[i].put;
            assert_int_equal(vhc_ring_reserve(&pair.p, 1), 0);
            assert_int_equal(vhc_ring_reserve(&pair.p, SIZE), 0);
            assert_true(pair.p.bad);
        }
        pair_free(&pair);
    }
}

/* The consumer has taken 'taken' entries from 'start' on, and all that it
 * knows of, when the producer's index reads 'prod'. */
static void
test_bad_producer(void **state)
{
    static const struct {
        uint32_t start, taken;
        uint32_t prod;
        uint32_t want;          /* Entries that may be taken. */
        bool bad;
    } cases[] = {
        { 0, 0, 0, 0, false },
        { 0, 0, 1, 1, false },
        { 0, 0, SIZE, SIZE, false },
        { 0, 0, SIZE + 1, 0, true }, /* More than fit. */
        { 0, 0, UINT32_MAX, 0, true }, /* Fewer put than taken. */
        { 0, 0, 0x80000000, 0, true },
        { 0, 5, 5, 0, false },
        { 0, 5, 4, 0, true },
        { 0, 5, 5 + SIZE, SIZE, false },
        { 0, 5, 6 + SIZE, 0, true },
        { UINT32_MAX, 3, 2, 0, false },
        { UINT32_MAX, 3, 1, 0, true },
        { UINT32_MAX, 3, 2 + SIZE, SIZE, false },
        { UINT32_MAX, 3, 3 + SIZE, 0, true },
        { UINT32_MAX, 0, UINT32_MAX - 1, 0, true },
        { UINT32_MAX, 0, SIZE - 1, SIZE, false },
        { UINT32_MAX, 0, SIZE, 0, true },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        uint32_t n;

        pair_init(&pair, cases[i].start);
        put(&pair, 0, cases[i].taken);
        assert_int_equal(take(&pair, 0, cases[i].taken), cases[i].taken);
        pair.ring->prod = cases[i].prod;
        n = vhc_ring_peek(&pair.c, SIZE);
        if (n != cases[i].want || pair.c.bad != cases[i].bad) {
            fail_msg("case %zu: %u entries%s", i, n,
                     pair.c.bad ? ", bad" : "");
        }
        if (cases[i].bad) {     /* For good. */
            pair.ring->prod = cases[i].start + cases[i].taken + 1;
            assert_int_equal(vhc_ring_peek(&pair.c, 1), 0);
            assert_int_equal(vhc_ring_peek(&pair.c, SIZE), 0);
            assert_true(pair.c.bad);
        }
        pair_free(&pair);
    }
}

/* What was there before the peer's index went bad may still be used, and only
 * that: the cached index decides. */
static void
test_cached_index(void **state)
{
    struct pair pair;

    (void) state;
    pair_init(&pair, 0);
    put(&pair, 0, 4);
    assert_int_equal(vhc_ring_peek(&pair.c, 1), 1); /* Caches 4. */
    pair.ring->prod = 1000;
    assert_int_equal(vhc_ring_peek(&pair.c, 4), 4);
    assert_false(pair.c.bad);
    assert_int_equal(vhc_ring_peek(&pair.c, 5), 0);
    assert_true(pair.c.bad);

    pair.ring->cons = 1000;
    assert_int_equal(vhc_ring_reserve(&pair.p, 4), 4);
    assert_false(pair.p.bad);
    assert_int_equal(vhc_ring_reserve(&pair.p, 5), 0);
    assert_true(pair.p.bad);
    pair_free(&pair);
}

/* Neither side writes the other's index or reads its own back. */
static void
test_own_index(void **state)
{
    struct pair pair;

    (void) state;
    pair_init(&pair, 0);
    put(&pair, 0, 3);
    pair.ring->prod = 77;       /* The consumer scribbles on it. */
    assert_int_equal(put(&pair, 3, 2), 2);
    assert_int_equal(pair.ring->prod, 5);
    assert_int_equal(take(&pair, 0, 3), 3);
    pair.ring->cons = 88;       /* And the producer. */
    assert_int_equal(take(&pair, 3, 1), 1);
    assert_int_equal(pair.ring->cons, 4);
    pair_free(&pair);
}

/* A copy stays what it was when the peer writes to the entry later. */
static void
test_copied(void **state)
{
    struct vhc_desc before = numbered(3);
    struct vhc_desc got;
    struct pair pair;

    (void) state;
    pair_init(&pair, 0);
    put(&pair, 3, 1);
    assert_int_equal(vhc_ring_peek(&pair.c, 1), 1);
    got = vhc_ring_get(&pair.c, 0);
    memset(&pair.ring->desc[0], 0xff, sizeof pair.ring->desc[0]);
    assert_memory_equal(&got, &before, sizeof got);
    pair_free(&pair);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_and_empty),
        cmocka_unit_test(test_two_steps),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_wrap_full),
        cmocka_unit_test(test_bad_consumer),
        cmocka_unit_test(test_bad_producer),
        cmocka_unit_test(test_cached_index),
        cmocka_unit_test(test_own_index),
        cmocka_unit_test(test_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
