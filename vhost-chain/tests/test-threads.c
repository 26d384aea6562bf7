/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* A ring between two threads: every entry arrives, once, in order and whole,
 * and a consumer that sleeps is woken.
 *
 * Nothing is decided by time.  A wake-up that is lost leaves both threads
 * waiting for each other, which the alarm ends. */

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhc/ring.h"

#ifndef N_ENTRIES
#define N_ENTRIES 4000000
#endif
#ifndef N_SLEEPS
#define N_SLEEPS 200000
#endif

#define SIZE 64                 /* Entries of the ring. */
#define BURST 32
#define START (UINT32_MAX - N_ENTRIES / 2) /* Wraps halfway. */
#define LIMIT 300               /* Seconds. */

/* What the two threads share. */
struct shared {
    struct vhc_ring *ring;
    struct vhc_ctrl_host host;
    struct vhc_ctrl_nf nf;

    /* Of the threads that have ended. */
    uint64_t n_wrong;           /* Entries that were not as they should. */
    uint64_t n_sleeps;          /* Times the consumer really slept. */
    bool bad;                   /* A view went bad. */
};

static void
shared_init(struct shared *s, uint32_t start)
{
    memset(s, 0, sizeof *s);
    s->ring = calloc(1, vhc_ring_bytes(SIZE));
    assert_non_null(s->ring);
    s->ring->prod = s->ring->cons = start;
}

static struct vhc_desc
numbered(uint32_t i)
{
    return (struct vhc_desc) {
        .buf = i, .off = i >> 3, .len = i >> 5, .mark = ~i,
        .verdict = i >> 8, .flags = i >> 9, .reserved = i >> 7,
    };
}

static uint64_t
check_burst(const struct vhc_cons *c, uint32_t first, uint32_t n)
{
    uint64_t n_wrong = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc got = vhc_ring_get(c, i);
        struct vhc_desc want = numbered(first + i);

        n_wrong += memcmp(&got, &want, sizeof got) != 0;
    }
    return n_wrong;
}

static void *
consume_all(void *shared)
{
    struct shared *s = shared;
    struct vhc_cons c = {
        .ring = s->ring, .size = SIZE, .cons = START, .prod = START
    };
    uint32_t taken = 0;

    while (taken < N_ENTRIES && !c.bad) {
        /* Bursts of all lengths. */
        uint32_t n = vhc_ring_peek(&c, 1 + taken % BURST);

        s->n_wrong += check_burst(&c, taken, n);
        vhc_ring_release(&c, n);
        taken += n;
        if (!n) {
            sched_yield();
        }
    }
    s->bad |= c.bad;
    return NULL;
}

static bool
produce_all(struct shared *s)
{
    struct vhc_prod p = {
        .ring = s->ring, .size = SIZE, .prod = START, .cons = START
    };
    uint32_t put = 0;

    while (put < N_ENTRIES && !p.bad) {
        uint32_t want = 1 + put / 3 % BURST;
        uint32_t n;

        want = want < N_ENTRIES - put ? want : N_ENTRIES - put;
        n = vhc_ring_reserve(&p, want);
        for (uint32_t i = 0; i < n; i++) {
            struct vhc_desc desc = numbered(put + i);

            vhc_ring_put(&p, i, &desc);
        }
        vhc_ring_submit(&p, n);
        put += n;
        if (!n) {
            sched_yield();
        }
    }
    return !p.bad;
}

static void
test_stream(void **state)
{
    struct shared s;
    pthread_t consumer;

    (void) state;
    alarm(LIMIT);
    shared_init(&s, START);
    assert_int_equal(pthread_create(&consumer, NULL, consume_all, &s), 0);
    assert_true(produce_all(&s));
    pthread_join(consumer, NULL);
    alarm(0);

    assert_int_equal(s.n_wrong, 0);
    assert_false(s.bad);
    assert_int_equal(s.ring->prod, (uint32_t) (START + N_ENTRIES));
    assert_int_equal(s.ring->cons, (uint32_t) (START + N_ENTRIES));
    free(s.ring);
}

/* Waits until there is something in the ring: looks, announces that it
 * sleeps, looks once more, sleeps. */
static uint32_t
wait_for_entries(struct shared *s, struct vhc_cons *c, uint32_t *need)
{
    uint32_t n = vhc_ring_peek(c, BURST);

    while (!n && !c->bad) {
        /* Takes a while, each time another, so that the moment at which it
         * says that it sleeps sweeps over that at which the producer looks. */
        for (volatile uint32_t i = 0; i < *need % 1021; i++) {
            continue;
        }

        uint32_t seq = __atomic_load_n(&s->host.wake_seq, __ATOMIC_ACQUIRE);

        __atomic_store_n(&s->nf.need_wakeup, ++*need, __ATOMIC_RELAXED);
        vhc_ring_fence();       /* (C) */
        n = vhc_ring_peek(c, BURST);
        if (!n) {
            s->n_sleeps += !syscall(SYS_futex, &s->host.wake_seq, FUTEX_WAIT,
                                    seq, NULL, NULL, 0);
            n = vhc_ring_peek(c, BURST);
        }
        __atomic_store_n(&s->nf.need_wakeup, 0, __ATOMIC_RELAXED);
    }
    return n;
}

static void *
sleep_and_consume(void *shared)
{
    struct shared *s = shared;
    struct vhc_cons c = { .ring = s->ring, .size = SIZE };
    uint32_t need = 0;
    uint32_t taken = 0;

    while (taken < N_SLEEPS && !c.bad) {
        uint32_t n = wait_for_entries(s, &c, &need);

        s->n_wrong += check_burst(&c, taken, n);
        vhc_ring_release(&c, n);
        taken += n;
    }
    s->bad |= c.bad;
    return NULL;
}

/* Puts one entry at a time, and waits until it is taken: an entry whose
 * wake-up is lost stops everything. */
static void
produce_and_wake(struct shared *s)
{
    struct vhc_prod p = { .ring = s->ring, .size = SIZE };
    uint32_t woken = 0;

    for (uint32_t i = 0; i < N_SLEEPS && !p.bad; i++) {
        struct vhc_desc desc = numbered(i);
        uint32_t need;

        vhc_ring_put(&p, 0, &desc);
        vhc_ring_submit(&p, 1);
        vhc_ring_fence();       /* (C) */
        need = __atomic_load_n(&s->nf.need_wakeup, __ATOMIC_RELAXED);
        if (need && need != woken) {
            woken = need;
            __atomic_fetch_add(&s->host.wake_seq, 1, __ATOMIC_RELEASE);
            syscall(SYS_futex, &s->host.wake_seq, FUTEX_WAKE, INT_MAX, NULL,
                    NULL, 0);
        }
        while (vhc_ring_reserve(&p, SIZE) < SIZE && !p.bad) {
            sched_yield();
        }
    }
    assert_false(p.bad);
}

static void
test_sleep(void **state)
{
    struct shared s;
    pthread_t consumer;

    (void) state;
    alarm(LIMIT);
    shared_init(&s, 0);
    assert_int_equal(pthread_create(&consumer, NULL, sleep_and_consume, &s),
                     0);
    produce_and_wake(&s);
    pthread_join(consumer, NULL);
    alarm(0);

    assert_int_equal(s.n_wrong, 0);
    assert_false(s.bad);
    assert_int_equal(s.ring->cons, N_SLEEPS);
    print_message("slept %llu times for %d entries\n",
                  (unsigned long long) s.n_sleeps, N_SLEEPS);
    free(s.ring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
