/* SPDX-License-Identifier: Apache-2.0 */

/* Good packets in places where the switch does not expect them: at the ends of
 * their buffers, in other rings than those of their port or queue. */

#include "hostile.h"

#include <string.h>

#define TAILROOM 64             /* Bytes behind a packet, or it is moved. */
#define STEPS 192               /* Bytes at the start that are tried. */

/* Moves the packet to a place that differs with 'i': each of the first STEPS
 * bytes of the buffer, and the last TAILROOM of it.  Returns true if the
 * switch must move it. */
static bool
move(const struct probe *p, uint32_t i, struct vhc_desc *d)
{
    uint8_t *buffer = probe_buffer(p, d->buf);
    uint32_t step = i % (STEPS + TAILROOM);
    uint32_t off = step;

    if (step >= STEPS || off + d->len > p->sb.stride) {
        off = p->sb.stride - d->len - step % TAILROOM;
    }
    memmove(buffer + off, buffer + d->off, d->len);
    d->off = off;
    return (off < p->sb.headroom || off % 2
            || p->sb.stride - off - d->len < TAILROOM);
}

void
hostile_everywhere(struct hostile *h)
{
    uint32_t i = 0, n_moved = 0;

    while (i < h->count && probe_is_attached(&h->p)) {
        if (vhc_ring_peek(&h->p.rx[0], 1)) {
            struct vhc_desc desc = vhc_ring_get(&h->p.rx[0], 0);

            n_moved += move(&h->p, i++, &desc);
            hostile_send(h, desc);
            vhc_ring_release(&h->p.rx[0], 1);
        } else {
            probe_pause();
        }
    }
    hostile_flush(&h->p);
    expect_moved(n_moved);
}

/* What came in on a queue goes out on the other ones. */
void
hostile_wrong_queue(struct hostile *h)
{
    uint32_t n = h->p.head.n_queues;

    hostile_collect(h);
    for (uint32_t i = 0; i < h->n_held && n > 1; i++) {
        probe_send(&h->p, (h->held[i].queue + 1 + i % (n - 1)) % n,
                   &h->held[i].desc);
    }
    hostile_flush(&h->p);
    expect_drops("not_owner", h->n_held);
    hostile_give_back(h, &h->p);
}

/* What came in on a port goes out on it, while it is linked with another. */
void
hostile_wrong_port(struct hostile *h)
{
    hostile_collect(h);
    for (uint32_t i = 0; i < h->n_held; i++) {
        hostile_send(h, h->held[i].desc);
    }
    hostile_flush(&h->p);
    expect_drops("not_owner", h->n_held);
    hostile_give_back(h, &h->peer);
}

/* And on both. */
void
hostile_both_ports(struct hostile *h)
{
    hostile_collect(h);
    for (uint32_t i = 0; i < h->n_held; i++) {
        probe_send(&h->peer, 0, &h->held[i].desc);
        hostile_send(h, h->held[i].desc);
    }
    hostile_flush(&h->p);
    hostile_flush(&h->peer);
    expect_drops("not_owner", h->n_held);
}
