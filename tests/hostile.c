/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SAY_MS 5000

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled". */
uint64_t
hostile_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

bool
hostile_lasts(const struct hostile *h, struct hostile_clock *clock,
              const char *what, uint64_t n)
{
    struct timespec now;
    uint64_t ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
    if (!clock->start_ms) {
        clock->start_ms = clock->said_ms = ms;
    }
    if (ms - clock->said_ms >= SAY_MS) {
        clock->said_ms = ms;
        printf("after %"PRIu64" s: %"PRIu64" %s\n",
               (ms - clock->start_ms) / 1000, n, what);
    }
    return ms - clock->start_ms < h->count * UINT64_C(1000);
}

void
hostile_collect(struct hostile *h)
{
    h->held = calloc(h->count, sizeof *h->held);
    while (h->n_held < h->count && probe_is_attached(&h->p)) {
        for (uint32_t q = 0; q < h->p.head.n_queues; q++) {
            uint32_t n = vhc_ring_peek(&h->p.rx[q], h->count - h->n_held);

            for (uint32_t i = 0; i < n; i++) {
                h->held[h->n_held++] = (struct hostile_held) {
                    vhc_ring_get(&h->p.rx[q], i), q
                };
            }
            vhc_ring_release(&h->p.rx[q], n);
        }
        probe_tick(&h->p);
        probe_pause();
    }
}

void
hostile_send(struct hostile *h, struct vhc_desc desc)
{
    probe_send(&h->p, 0, &desc);
    h->n_sent++;
}

void
hostile_give_back(struct hostile *h, struct probe *p)
{
    for (uint32_t i = 0; i < h->n_held; i++) {
        probe_send(p, h->held[i].queue, &h->held[i].desc);
    }
    h->n_sent += h->n_held;
    h->n_held = 0;
    hostile_flush(p);
}

uint32_t
hostile_forward(struct hostile *h, struct probe *from, struct probe *to)
{
    uint32_t n = vhc_ring_reserve(&to->tx[0], BURST);

    n = vhc_ring_peek(&from->rx[0], n);
    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc desc = vhc_ring_get(&from->rx[0], i);

        vhc_ring_put(&to->tx[0], i, &desc);
    }
    vhc_ring_release(&from->rx[0], n);
    vhc_ring_submit(&to->tx[0], n);
    h->n_sent += n;
    probe_tick(from);
    return n;
}

void
hostile_flush(const struct probe *p)
{
    for (uint32_t q = 0; q < p->head.n_queues; q++) {
        while (__atomic_load_n(&p->tx[q].ring->cons, __ATOMIC_ACQUIRE)
               != p->tx[q].prod && probe_is_attached(p)) {
            probe_pause();
        }
    }
}

void
hostile_await_end(struct hostile *h)
{
    while (probe_is_attached(&h->p)) {
        probe_tick(&h->p);
        probe_pause();
    }
    printf("detached: %s\n", probe_reason(&h->p));
}

void
hostile_thread(struct hostile *h, void *(*main)(void *), void *aux)
{
    if (h->n_threads == MAX_THREADS
        || pthread_create(&h->threads[h->n_threads++], NULL, main, aux)) {
        probe_die("pthread_create", "thread");
    }
}

void
hostile_join(struct hostile *h)
{
    h->stop = true;
    while (h->n_threads) {
        pthread_join(h->threads[--h->n_threads], NULL);
    }
}

void
expect_drops(const char *reason, uint64_t n)
{
    printf("expect drops %s %"PRIu64"\n", reason, n);
}

void
expect_some(const char *reason)
{
    printf("expect some %s\n", reason);
}

void
expect_moved(uint64_t n)
{
    printf("expect moved %"PRIu64"\n", n);
}

void
expect_taken(uint64_t n)
{
    printf("expect taken %"PRIu64"\n", n);
}

void
expect_owned(uint64_t n)
{
    printf("expect owned %"PRIu64"\n", n);
}

void
expect_repairs(const char *what)
{
    printf("expect repairs %s\n", what);
}

void
expect_woken(void)
{
    puts("expect woken");
}

void
expect_nothing(void)
{
    puts("expect nothing");
}

void
expect_attachments(uint64_t n)
{
    printf("expect attachments %"PRIu64"\n", n);
}

void
expect_state(const char *state, enum vhc_reason reason)
{
    printf("expect state %s %s\n", state, probe_reason_text(reason));
}
