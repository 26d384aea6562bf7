/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "port-private.h"

/* The fast path: no allocation, lock, system call or atomic read-modify-write
 * here, and one store to shared memory a burst besides the descriptors. */

#define UNLIKELY(X) __builtin_expect(!!(X), 0)

/* Makes a packet of the descriptor in 'p'.  Returns false if it is none. */
static inline bool
packet_init(const struct nf_port *port, struct nf_packet *p)
{
    uint64_t off;

    if (UNLIKELY(!nfi_desc_locate(&port->layout, &p->desc, &off))) {
        return false;
    }
    p->data = port->pool + off + p->desc.off;
    p->room = port->room;
    return true;
}

/* Gives the buffer of a descriptor that is no packet back to the switch.
 * Returns false if the ring has no room: try again later. */
static bool
return_bad(struct nf_port *port, struct nfi_queue *q,
           const struct vhc_desc *bad)
{
    struct vhc_desc desc = { .buf = bad->buf, .verdict = VHC_DROP };

    if (!vhc_ring_reserve(&q->tx, 1)) {
        return false;
    }
    vhc_ring_put(&q->tx, 0, &desc);
    vhc_ring_submit(&q->tx, 1);
    port->stats.rx_bad++;
    return true;
}

/* Takes up to 'n' descriptors with frames of at least 'min_len' bytes from
 * 'cons', a ring of 'q'.  Returns how many became 'packets'. */
static inline unsigned int
take(struct nf_port *port, struct nfi_queue *q, struct vhc_cons *cons,
     uint32_t min_len, struct nf_packet *packets, unsigned int n)
{
    unsigned int n_good = 0;
    unsigned int i;

    n = vhc_ring_peek(cons, n);
    for (i = 0; i < n; i++) {
        struct nf_packet *p = &packets[n_good];

        p->desc = vhc_ring_get(cons, i);
        if (UNLIKELY(p->desc.len < min_len || !packet_init(port, p))) {
            if (!return_bad(port, q, &p->desc)) {
                break;
            }
            continue;
        }
        __builtin_prefetch(p->data);
        n_good++;
    }
    if (i) {
        vhc_ring_release(cons, i);
    }
    return n_good;
}

unsigned int
nf_port_receive(struct nf_port *port, unsigned int queue,
                struct nf_packet *packets, unsigned int n)
{
    struct nfi_queue *q = &port->queues[queue];

    nfi_port_tick(port);
    if (UNLIKELY(!nfi_port_is_attached(port))) {
        return 0;
    }

    n = take(port, q, &q->rx, VHC_MIN_FRAME, packets, n);
    for (unsigned int i = 0; i < n; i++) {
        port->stats.rx_bytes += packets[i].desc.len;
    }
    port->stats.rx_packets += n;
    return n;
}

unsigned int
nf_port_alloc(struct nf_port *port, unsigned int queue,
              struct nf_packet *packets, unsigned int n)
{
    struct nfi_queue *q = &port->queues[queue];

    if (UNLIKELY(!nfi_port_is_attached(port))) {
        return 0;
    }

    n = take(port, q, &q->fill, 0, packets, n);
    port->stats.allocated += n;
    return n;
}

static inline void
count_sent(struct nf_port_stats *stats, const struct vhc_desc *desc)
{
    if (desc->verdict == VHC_FORWARD) {
        stats->tx_packets++;
        stats->tx_bytes += desc->len;
    } else if (desc->verdict == VHC_LOCAL) {
        stats->local++;
    } else {
        stats->dropped++;
    }
}

unsigned int
nf_port_send(struct nf_port *port, unsigned int queue,
             const struct nf_packet *packets, unsigned int n)
{
    struct nfi_queue *q = &port->queues[queue];
    unsigned int n_sent;

    nfi_port_tick(port);
    if (UNLIKELY(!nfi_port_is_attached(port))) {
        return 0;
    }

    n_sent = vhc_ring_reserve(&q->tx, n);
    for (unsigned int i = 0; i < n_sent; i++) {
        vhc_ring_put(&q->tx, i, &packets[i].desc);
        count_sent(&port->stats, &packets[i].desc);
    }
    if (n_sent) {
        vhc_ring_submit(&q->tx, n_sent);
    }
    port->stats.tx_full += n_sent < n;
    return n_sent;
}
