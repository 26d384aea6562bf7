/* SPDX-License-Identifier: Apache-2.0 */

/* Bytes of packets that change while the switch handles them. */

#include "hostile.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

#define HEAD 128                /* Bytes in which the headers are. */

/* A thread that flips, and how far into the packets. */
struct flipper {
    struct hostile *h;
    uint32_t span;
    uint64_t n_flips;
};

/* Changes a byte, and in half of the cases changes it back at once: so what a
 * first look finds good may be bad at the second, and the other way round. */
static void
flip(volatile uint8_t *byte, uint64_t random)
{
    static const uint8_t extremes[] = { 0x00, 0xff, 0x7f, 0x80 };
    uint8_t old = *byte;

    switch (random & 3) {
    case 0: *byte = random >> 8; break;
    case 1: *byte = extremes[random >> 8 & 3]; break;
    case 2: *byte = old ^ 1u << (random >> 8 & 7); break;
    default: *byte = old + 1 + (random >> 8 & 3); break;
    }
    if (random & 4) {
        *byte = old;
    }
}

/* Of the packets that were sent, mostly those of the burst that the switch has
 * in hand: it has taken their descriptors last. */
static const struct vhc_desc *
choose(const struct vhc_prod *tx, uint32_t cons, uint64_t random)
{
    uint32_t back = random & 7 ? 1 + (random >> 8) % BURST
                    : (random >> 8) % tx->size;

    return &tx->ring->desc[(cons - back) & (tx->size - 1)];
}

static void *
flip_main(void *flipper_)
{
    struct flipper *f = flipper_;
    struct probe *p = &f->h->p;
    const struct vhc_prod *tx = &p->tx[0];
    uint64_t state = 1;

    while (!f->h->stop) {
        uint32_t cons = __atomic_load_n(&tx->ring->cons, __ATOMIC_RELAXED);

        for (int i = 0; i < 16; i++) {
            uint64_t random = hostile_random(&state);
            const struct vhc_desc *desc = choose(tx, cons, random);

            if (!desc->len) {
                continue;       /* Nothing was sent here yet. */
            }
            random = hostile_random(&state);
            flip(probe_buffer(p, desc->buf) + desc->off
                 + (random >> 32) % f->span, random);
            f->n_flips++;
        }
    }
    return NULL;
}

/* Sends what comes back once more, the half of it as a new packet. */
static uint32_t
send_again(struct hostile *h)
{
    struct probe *p = &h->p;
    uint32_t n = vhc_ring_reserve(&p->tx[0], BURST);

    n = vhc_ring_peek(&p->rx[0], n);
    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc desc = vhc_ring_get(&p->rx[0], i);

        if (i % 2) {
            desc.off = p->sb.headroom;
            desc.len = source_copy(&h->source,
                                   probe_buffer(p, desc.buf) + desc.off);
        }
        vhc_ring_put(&p->tx[0], i, &desc);
    }
    vhc_ring_release(&p->rx[0], n);
    vhc_ring_submit(&p->tx[0], n);
    return n;
}

static void
flip_for(struct hostile *h, uint32_t span)
{
    struct flipper flipper = { .h = h, .span = span };
    struct hostile_clock clock = { .start_ms = 0 };

    hostile_thread(h, flip_main, &flipper);
    while (hostile_lasts(h, &clock, "packets", h->n_sent)
           && probe_is_attached(&h->p)) {
        uint32_t n = send_again(h) + source_send(&h->source, &h->p, 0, BURST);

        h->n_sent += n;
        probe_tick(&h->p);
        if (!n) {
            sched_yield();
        }
    }
    hostile_join(h);
    hostile_flush(&h->p);
    printf("flips %"PRIu64"\n", flipper.n_flips);
    expect_taken(h->n_sent);
    expect_state("attached", VHC_REASON_NONE);
}

void
hostile_flip_heads(struct hostile *h)
{
    flip_for(h, HEAD);
}

/* Up to the end of the longest frame. */
void
hostile_flip_all(struct hostile *h)
{
    flip_for(h, h->p.head.max_len);
}
