/* SPDX-License-Identifier: Apache-2.0 */

/* Ring indices that cannot be, and entries that nobody wrote. */

#include "hostile.h"

#include <string.h>

#define MAX_IDLE 20             /* Milliseconds. */

static void
store(uint32_t *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}

/* Returns what it holds, then makes 'prod' of its tx ring 'ahead' of what it
 * is, which ends the attachment. */
static void
jump(struct hostile *h, uint32_t ahead)
{
    struct vhc_prod *tx = &h->p.tx[0];

    hostile_collect(h);
    hostile_give_back(h, &h->p);
    store(&tx->ring->prod, tx->prod + ahead);
    hostile_await_end(h);
    expect_state("detached", VHC_REASON_CORRUPT);
}

void
hostile_prod_ahead(struct hostile *h)
{
    jump(h, h->p.head.ring_size + 1);
}

void
hostile_prod_back(struct hostile *h)
{
    jump(h, -1);
}

void
hostile_prod_far(struct hostile *h)
{
    jump(h, UINT32_C(1) << 31);
}

/* Lies about what it took from the rx ring, which the switch looks at when it
 * has sent a ring full of packets: by so much that it is a lie then, too. */
static void
lie(struct hostile *h, uint32_t ahead)
{
    struct vhc_ring *rx = h->p.rx[0].ring;

    while (probe_is_attached(&h->p)) {
        store(&rx->cons, __atomic_load_n(&rx->prod, __ATOMIC_ACQUIRE)
                         + ahead);
    }
    expect_state("detached", VHC_REASON_CORRUPT);
}

void
hostile_cons_ahead(struct hostile *h)
{
    lie(h, UINT32_C(1) << 30);
}

void
hostile_cons_back(struct hostile *h)
{
    lie(h, -(UINT32_C(1) << 30));
}

void
hostile_fill_ahead(struct hostile *h)
{
    struct vhc_ring *fill = h->p.fill[0].ring;

    store(&fill->cons, 1 + h->p.head.ring_size);
    hostile_await_end(h);
    expect_state("detached", VHC_REASON_CORRUPT);
}

/* As many entries as the ring has, none of which it wrote now: those that it
 * sent before, and zeros. */
void
hostile_stale(struct hostile *h)
{
    struct vhc_prod *tx = &h->p.tx[0];

    memset(tx->ring->desc, 0, tx->size * sizeof tx->ring->desc[0]);
    hostile_collect(h);
    hostile_give_back(h, &h->p);
    vhc_ring_submit(tx, tx->size);
    hostile_flush(&h->p);
    expect_drops("not_owner", h->count);
    expect_drops("bad_buffer", tx->size - h->count);
}

/* The switch never reads its own indices back. */
void
hostile_host_indices(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    uint64_t n = 0;

    while (hostile_lasts(h, &clock, "indices", n)
           && probe_is_attached(&h->p)) {
        uint32_t random = hostile_random(&h->random);

        store(&h->p.rx[0].ring->prod, random);
        store(&h->p.tx[0].ring->cons, random);
        store(&h->p.fill[0].ring->prod, random);
        n++;
    }
    expect_state("attached", VHC_REASON_NONE);
}

static void *
scribble_entries(void *h_)
{
    struct hostile *h = h_;
    uint64_t state = 1;

    while (!h->stop) {
        uint64_t r = hostile_random(&state);
        struct vhc_ring *ring = r & 1 ? h->p.rx[0].ring : h->p.fill[0].ring;
        volatile uint8_t *bytes = (void *) ring->desc;

        bytes[(r >> 8) % (h->p.head.ring_size * sizeof ring->desc[0])]
            = r >> 32;
    }
    return NULL;
}

/* Writes to the entries of the rings that the switch produces into, and sends
 * back what it finds there.  What it cannot send back any more it gives back
 * by attaching anew. */
void
hostile_entries(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    uint32_t n_idle = 0;

    hostile_thread(h, scribble_entries, h);
    while (hostile_lasts(h, &clock, "references", h->n_sent)
           && probe_is_attached(&h->p)) {
        if (hostile_forward(h, &h->p, &h->p)) {
            n_idle = 0;
        } else if (++n_idle == MAX_IDLE) {
            hostile_flush(&h->p);
            probe_detach(&h->p);
            probe_attach(&h->p);
        } else {
            probe_pause();
        }
    }
    hostile_flush(&h->p);
    hostile_join(h);
    expect_taken(h->n_sent);
    expect_state("attached", VHC_REASON_NONE);
}

/* Random indices in all rings, until it is detached, and again. */
void
hostile_indices(struct hostile *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        while (probe_is_attached(&h->p)) {
            store(&h->p.tx[0].ring->prod, hostile_random(&h->random));
            store(&h->p.rx[0].ring->cons, hostile_random(&h->random));
            store(&h->p.fill[0].ring->cons, hostile_random(&h->random));
        }
        if (i + 1 < h->count) {
            probe_attach(&h->p);
        }
    }
    expect_attachments(h->count);
    expect_state("detached", VHC_REASON_CORRUPT);
}
