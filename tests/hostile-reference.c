/* SPDX-License-Identifier: Apache-2.0 */

/* References to buffers that the NF has no right to send, or that are none,
 * and references to its own that are no packets. */

#include "hostile.h"

#include <string.h>

/* Sends 'count' times what 'spoil' makes of a packet that it got, which is the
 * 'i'th.  Afterwards gives back those that it still has, if 'keeps'. */
static void
spoil_each(struct hostile *h, bool keeps,
           void (*spoil)(struct hostile *, uint32_t i, struct vhc_desc *))
{
    hostile_collect(h);
    for (uint32_t i = 0; i < h->n_held; i++) {
        struct vhc_desc desc = h->held[i].desc;

        spoil(h, i, &desc);
        hostile_send(h, desc);
    }
    hostile_flush(&h->p);
    if (keeps) {
        hostile_give_back(h, &h->p);
    }
}

static void
beyond(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    const uint32_t ids[] = {
        h->p.sb.n_ids, h->p.sb.n_ids + 1, h->p.sb.n_ids + d->buf,
        UINT32_C(1) << 31, (UINT32_C(1) << 31) + d->buf, UINT32_MAX,
    };

    d->buf = ids[i % (sizeof ids / sizeof ids[0])];
}

void
hostile_no_buffer(struct hostile *h)
{
    spoil_each(h, true, beyond);
    expect_drops("bad_buffer", h->count);
}

static bool
is_buffer(const struct probe *p, uint32_t id)
{
    uint32_t index = id & ((UINT32_C(1) << p->sb.id_shift) - 1);
    uint64_t offset = ((id >> p->sb.id_shift) * p->sb.page_size
                       + (uint64_t) index * p->sb.stride);

    return index < p->sb.page_size / p->sb.stride
           && offset >= p->sb.direct_off + p->sb.direct_size;
}

static bool
is_held(const struct hostile *h, uint32_t id)
{
    for (uint32_t i = 0; i < h->n_held; i++) {
        if (h->held[i].desc.buf == id) {
            return true;
        }
    }
    return false;
}

/* Sends references to all ids that are buffers or that are not, its own
 * excepted.  Returns how many. */
static uint32_t
send_ids(struct hostile *h, bool buffers)
{
    uint32_t n = 0;

    hostile_collect(h);
    for (uint32_t id = 0; id < h->p.sb.n_ids; id++) {
        if (is_buffer(&h->p, id) == buffers && !is_held(h, id)) {
            hostile_send(h, (struct vhc_desc) {
                .buf = id, .off = h->p.sb.headroom, .len = 60
            });
            n++;
        }
    }
    hostile_flush(&h->p);
    hostile_give_back(h, &h->p);
    return n;
}

void
hostile_gap(struct hostile *h)
{
    expect_drops("bad_buffer", send_ids(h, false));
}

void
hostile_every_buffer(struct hostile *h)
{
    expect_drops("not_owner", send_ids(h, true));
}

/* The two are submitted at once, to an empty ring: the switch takes them in
 * one burst. */
void
hostile_twice(struct hostile *h)
{
    struct vhc_prod *tx = &h->p.tx[0];

    hostile_collect(h);
    for (uint32_t i = 0; i < h->n_held; i++) {
        vhc_ring_reserve(tx, 2);
        vhc_ring_put(tx, 0, &h->held[i].desc);
        vhc_ring_put(tx, 1, &h->held[i].desc);
        vhc_ring_submit(tx, 2);
        hostile_flush(&h->p);
    }
    expect_drops("not_owner", h->n_held);
}

void
hostile_returned(struct hostile *h)
{
    hostile_collect(h);
    hostile_give_back(h, &h->p);
    h->n_held = h->count;
    hostile_give_back(h, &h->p);
    expect_drops("not_owner", h->count);
}

void
hostile_replay(struct hostile *h)
{
    hostile_collect(h);
    probe_detach(&h->p);
    probe_attach(&h->p);
    hostile_give_back(h, &h->p);
    expect_drops("not_owner", h->count);
}

static void
set_bit(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    uint32_t bit = i % 24;

    (void) h;
    if (bit < 8) {
        d->flags = 1u << bit;
    } else {
        d->reserved = 1u << (bit - 8);
    }
}

void
hostile_reserved(struct hostile *h)
{
    spoil_each(h, false, set_bit);
    expect_drops("reserved", h->count);
}

static void
set_verdict(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    (void) h;
    d->verdict = VHC_N_VERDICTS + i % (256 - VHC_N_VERDICTS);
}

void
hostile_verdicts(struct hostile *h)
{
    spoil_each(h, false, set_verdict);
    expect_drops("bad_verdict", h->count);
}

static void
set_local(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    (void) h;
    (void) i;
    d->verdict = VHC_LOCAL;
}

void
hostile_local(struct hostile *h)
{
    spoil_each(h, false, set_local);
    expect_drops("no_local", h->count);
}

/* With 'off' and 'len' that mean nothing. */
static void
set_drop(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    (void) i;
    d->verdict = VHC_DROP;
    d->off = hostile_random(&h->random);
    d->len = hostile_random(&h->random);
}

void
hostile_drop(struct hostile *h)
{
    spoil_each(h, false, set_drop);
    expect_drops("by_nf", h->count);
}

static void
set_short(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    (void) h;
    d->len = i % VHC_MIN_FRAME;
}

void
hostile_short(struct hostile *h)
{
    spoil_each(h, false, set_short);
    expect_drops("rx_short", h->count);
}

static void
set_long(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    const uint16_t lens[] = {
        h->p.head.max_len + 1, h->p.head.max_len + 2, h->p.sb.stride,
        h->p.sb.stride + 1, INT16_MAX, UINT16_MAX,
    };

    d->len = lens[i % (sizeof lens / sizeof lens[0])];
    d->off = i % 2 ? 0 : UINT16_MAX - d->len + 1; /* Wraps to 0. */
}

void
hostile_long(struct hostile *h)
{
    spoil_each(h, false, set_long);
    expect_drops("rx_long", h->count);
}

/* The last pairs have sums that in 16 bits are small. */
static void
set_outside(struct hostile *h, uint32_t i, struct vhc_desc *d)
{
    const uint16_t max = h->p.head.max_len;
    const uint16_t stride = h->p.sb.stride;
    const struct {
        uint16_t off, len;
    } pairs[] = {
        { stride - VHC_MIN_FRAME + 1, VHC_MIN_FRAME },
        { stride - max + 1, max },
        { stride, VHC_MIN_FRAME },
        { INT16_MAX, max },
        { UINT16_MAX, VHC_MIN_FRAME },
        { UINT16_MAX, max },
        { UINT16_MAX - VHC_MIN_FRAME + 1, VHC_MIN_FRAME },
        { UINT16_MAX - max + 1 + h->p.sb.headroom, max },
    };

    d->off = pairs[i % (sizeof pairs / sizeof pairs[0])].off;
    d->len = pairs[i % (sizeof pairs / sizeof pairs[0])].len;
}

void
hostile_outside(struct hostile *h)
{
    spoil_each(h, false, set_outside);
    expect_drops("outside", h->count);
}

/* Empty buffers, as they come. */
void
hostile_empty(struct hostile *h)
{
    uint32_t n = 0;

    while (n < h->count && probe_is_attached(&h->p)) {
        if (vhc_ring_peek(&h->p.fill[0], 1)) {
            hostile_send(h, vhc_ring_get(&h->p.fill[0], 0));
            vhc_ring_release(&h->p.fill[0], 1);
            n++;
        } else {
            probe_pause();
        }
    }
    hostile_flush(&h->p);
    expect_drops("rx_short", h->count);
}

/* Descriptors of random bytes; in half of them a buffer that there is, and in
 * half of these one that it got. */
static struct vhc_desc
random_desc(struct hostile *h, const struct vhc_desc *got)
{
    uint64_t words[2] = {
        hostile_random(&h->random), hostile_random(&h->random)
    };
    struct vhc_desc desc;

    memcpy(&desc, words, sizeof desc);
    if (words[1] & 1) {
        desc.buf = words[1] & 2 && got ? got->buf : desc.buf % h->p.sb.n_ids;
    }
    return desc;
}

void
hostile_random_descs(struct hostile *h)
{
    while (h->n_sent < h->count && probe_is_attached(&h->p)) {
        uint32_t n = vhc_ring_peek(&h->p.rx[0], BURST);
        struct vhc_desc got = vhc_ring_get(&h->p.rx[0], 0);

        hostile_send(h, random_desc(h, n ? &got : NULL));
        vhc_ring_release(&h->p.rx[0], n > 0);
    }
    hostile_flush(&h->p);
    expect_taken(h->n_sent);
}

static void *
rewrite(void *h_)
{
    struct hostile *h = h_;
    uint64_t state = 1;

    while (!h->stop) {
        uint64_t r = hostile_random(&state);
        volatile uint8_t *bytes = (void *) h->p.tx[0].ring->desc;

        bytes[r % (h->p.head.ring_size * sizeof(struct vhc_desc))] = r >> 32;
    }
    return NULL;
}

/* The switch must not read a descriptor twice, of which the second time is
 * another.  What is taken is still what was sent. */
void
hostile_rewritten(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };

    hostile_thread(h, rewrite, h);
    while (hostile_lasts(h, &clock, "references", h->n_sent)
           && probe_is_attached(&h->p)) {
        if (!hostile_forward(h, &h->p, &h->p)) {
            hostile_send(h, random_desc(h, NULL));
        }
    }
    hostile_flush(&h->p);
    hostile_join(h);
    expect_taken(h->n_sent);
}
