/* SPDX-License-Identifier: Apache-2.0 */

/* The data path of a port: vhc_port_rx() and vhc_port_tx().
 *
 * A buffer changes hands in this order:
 *
 *     to the NF:    the descriptor, 'next' of the ledger, owner = slot, then
 *                   the ring index;
 *     from the NF:  the descriptor is read, owner = host, then the ring index;
 *
 * the first for a whole burst before the second begins, and so on.  A switch
 * that is killed in between leaves to the next one, which resume.c is:
 *
 *   - descriptors that no index covers, whose buffers are the host's: free;
 *   - 'next' as well: from there on it knows how many descriptors there are,
 *     and hands over those whose owner is the slot.  Were owners first, some
 *     buffers could be the slot's and in no ring, and never come back;
 *   - descriptors in a ring whose buffers are the host's already, at most a
 *     burst of them: they were taken, and the check would refuse them.
 *
 * No buffer is lost or in two places: the table says whose each is, and there
 * is one store that changes it.
 *
 * An owner is a queue of a port, its slot, and the buffers of a slot come back
 * in one place only: the tx ring of that queue or, if the NF is attached to
 * two ports, of the same queue of the other.  Therefore no two threads can
 * find that a buffer is the slot's, and taking it needs no atomic
 * read-modify-write.  Were a slot's buffers welcome in two rings, an NF could
 * put one in both, and two threads of the switch would own it.
 *
 * The thread that takes a buffer uses its mbuf, as the one that gave it did.
 * An NF that waits for the ring's index orders the two by the barriers of the
 * ring.  One that guesses need not wait, so the owner does it, too:
 *
 *     (E) give: use the mbuf, release fence, store owner
 *         take: load-acquire owner, use the mbuf */

#include <config.h>

#include <string.h>

#include <rte_prefetch.h>

#include "port-private.h"

/* Descriptors between reading an entry of a table and using it. */
#define AHEAD 4

/* The 'port' of an mbuf, which says where its packet came from: DPDK's number
 * of a NIC, or this bit and a slot. */
#define FROM_SLOT 0x8000

bool
vhc_port_is_attached(const struct vhc_port *port)
{
    return __atomic_load_n(&port->attached, __ATOMIC_ACQUIRE);
}

/* Makes the buffers 'bufs', 'n' of them, those of 'slot'.  Their descriptors
 * are in 'ring', not yet submitted, whose index will be '*next' then. */
static inline void
give(const struct vhc_pool *pool, const struct vhc_prod *ring, uint32_t *next,
     uint16_t slot, const uint32_t *bufs, uint32_t n)
{
    vhc_ledger_order();
    __atomic_store_n(next, ring->prod + n, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* (E), and for the ledger. */
    for (uint32_t i = 0; i < n; i++) {
        vhc_pool_give(pool, bufs[i], slot);
    }
}

/* Moves the packet to where one from a NIC is. */
static void
move(struct rte_mbuf *m)
{
    memmove((char *) m->buf_addr + VHC_HEADROOM,
            (char *) m->buf_addr + m->data_off, m->data_len);
    m->data_off = VHC_HEADROOM;
}

/* OVS pushes headers into the room before the data, and stops the switch if
 * there is none.  It reads headers as if they were at even addresses. */
static bool
is_misplaced(const struct rte_mbuf *m)
{
    return m->data_off < VHC_HEADROOM
           || m->data_off % 2
           || m->buf_len - m->data_off - m->data_len < VHC_TAILROOM;
}

/* Makes the packet that 'desc', which was checked, describes of its mbuf. */
static struct rte_mbuf *
desc_to_mbuf(const struct vhc_port *port, const struct vhc_queue *q,
             const struct vhc_desc *desc)
{
    struct rte_mbuf *m = vhc_pool_mbuf(port->pool, desc->buf);

    m->data_off = desc->off;
    m->port = FROM_SLOT | q->slot;
    m->ol_flags = RTE_MBUF_F_EXTERNAL;
    m->data_len = desc->len;
    m->pkt_len = desc->len;
    *vhc_pool_mark(port->pool, m) = desc->mark;
    return m;
}

/* Copies 'n' descriptors out of shared memory and prefetches what the tables
 * say of their buffers.  A buffer id out of range prefetches some address,
 * which does no harm. */
static void
read_descs(const struct vhc_port *port, const struct vhc_queue *q,
           struct vhc_desc *descs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        descs[i] = vhc_ring_get(&q->tx, i);
        rte_prefetch0(&port->pool->owner[descs[i].buf]);
        rte_prefetch0(&port->pool->mbufs[descs[i].buf]);
    }
}

/* Prefetches the mbuf that 'desc', not yet checked, seems to name. */
static void
prefetch_mbuf(const struct vhc_port *port, const struct vhc_desc *desc)
{
    if (desc->buf < port->pool->geometry.n_ids) {
        struct rte_mbuf *m = vhc_pool_mbuf(port->pool, desc->buf);

        if (likely(m != NULL)) {
            rte_prefetch0(m);
            rte_prefetch0(vhc_pool_mark(port->pool, m));
        }
    }
}

/* Gives an originating NF empty buffers, once it has used a burst of those it
 * asked for or half of a few. */
static void
fill(struct vhc_port *port, struct vhc_queue *q)
{
    struct rte_mbuf *mbufs[VHC_MAX_BURST];
    uint32_t bufs[VHC_MAX_BURST];
    uint32_t room = vhc_ring_reserve(&q->fill, q->fill.size);
    uint32_t used = q->fill.size - room;
    uint32_t want = RTE_MIN((port->fill_level + 1) / 2,
                            (uint32_t) VHC_MAX_BURST);
    uint32_t n;

    if (q->fill.bad || used + want > port->fill_level) {
        return;
    }
    n = RTE_MIN(port->fill_level - used, (uint32_t) VHC_MAX_BURST);
    n = RTE_MIN(n, vhc_port_credit(port));
    if (!n || rte_mempool_get_bulk(port->pool->mp, (void **) mbufs, n)) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc desc = {
            .buf = vhc_pool_id(port->pool, mbufs[i]), .off = VHC_HEADROOM
        };

        vhc_ring_put(&q->fill, i, &desc);
        bufs[i] = desc.buf;
    }
    vhc_count(&q->fills, n);
    give(port->pool, &q->fill, q->fill_next, q->slot, bufs, n);
    vhc_ring_submit(&q->fill, n);
}

/* What becomes of a burst from the NF. */
struct rx_burst {
    struct rte_mbuf **mbufs;    /* Packets, 'n' of them. */
    struct rte_mbuf *local[VHC_MAX_BURST]; /* To the guest, 'n_local'. */
    struct rte_mbuf *back[VHC_MAX_BURST]; /* To the pool, 'n_back'. */
    unsigned n, n_local, n_back, n_moved;
    uint64_t bytes;
};

/* Takes the buffer that 'desc' names, if it is the NF's to give, as a packet
 * or back to the pool. */
static inline void
take(const struct vhc_port *port, struct vhc_queue *q,
     const struct vhc_limits *limits, const struct vhc_desc *desc,
     struct rx_burst *rx)
{
    enum vhc_drop drop = vhc_desc_check(desc, limits);
    struct rte_mbuf *m;

    if (unlikely(drop)) {
        vhc_count(&q->rx_counters.drops[drop], 1);
        if (drop >= VHC_DROP_RESERVED) {
            vhc_pool_regain(port->pool, desc->buf);
            rx->back[rx->n_back++] = vhc_pool_mbuf(port->pool, desc->buf);
        }
        return;
    }

    vhc_pool_regain(port->pool, desc->buf);
    m = desc_to_mbuf(port, q, desc);
    if (unlikely(desc->verdict == VHC_LOCAL)) {
        rx->local[rx->n_local++] = m;
        return;
    }
    if (unlikely(is_misplaced(m))) {
        move(m);
        rx->n_moved++;
    }
    /* If the NF wrote to the headers, they are in its processor's cache. */
    rte_prefetch0(rte_pktmbuf_mtod(m, void *));
    rx->bytes += desc->len;
    rx->mbufs[rx->n++] = m;
}

/* Hands the local packets of 'rx', whose buffers were those of 'slot', to the
 * guest's own kernel, at the port that they came in on.  That may be another
 * port than 'q' is of, the peer, which may be closed meanwhile: see
 * vhc_slots_release(). */
static void
deliver_local(const struct vhc_pool *pool, struct vhc_queue *q, uint16_t slot_,
              struct rx_burst *rx)
{
    struct vhc_slot *slot = &pool->slots[slot_];
    const struct vhc_port *port;
    unsigned n = 0;

    __atomic_store_n(&slot->in_local, true, __ATOMIC_SEQ_CST); /* (D) */
    port = __atomic_load_n(&slot->port, __ATOMIC_SEQ_CST);     /* (D) */
    if (port && port->config.local) {
        n = port->config.local(port->config.aux, rx->local, rx->n_local);
    }
    __atomic_store_n(&slot->in_local, false, __ATOMIC_RELEASE);

    vhc_count(&slot->local, n);
    vhc_count(&q->rx_counters.drops[VHC_DROP_NO_LOCAL], rx->n_local - n);
    vhc_pool_put(pool, rx->local, rx->n_local);
}

/* Control may change two of them at any time. */
static inline struct vhc_limits
get_limits(const struct vhc_queue *q)
{
    return (struct vhc_limits) {
        .owner = q->limits.owner,
        .n_ids = q->limits.n_ids,
        .room = q->limits.room,
        .max_len = __atomic_load_n(&q->limits.max_len, __ATOMIC_RELAXED),
        .slot = __atomic_load_n(&q->limits.slot, __ATOMIC_RELAXED),
    };
}

unsigned
vhc_port_rx(struct vhc_port *port, unsigned queue, struct rte_mbuf **mbufs,
            unsigned n)
{
    struct vhc_desc descs[VHC_MAX_BURST];
    struct vhc_queue *q = &port->queues[queue];
    struct vhc_limits limits;
    struct rx_burst rx;

    if (!vhc_port_is_attached(port)) {
        return 0;
    }
    if (port->fill_level) {
        fill(port, q);
    }
    limits = get_limits(q);
    if (unlikely(limits.slot == VHC_OWNER_NOBODY)) {
        return 0;               /* Not for long: see slots.h. */
    }
    n = vhc_ring_peek(&q->tx, RTE_MIN(n, (unsigned) VHC_MAX_BURST));
    if (!n) {
        return 0;
    }

    rx.mbufs = mbufs;
    rx.n = rx.n_local = rx.n_back = rx.n_moved = rx.bytes = 0;
    read_descs(port, q, descs, n);
    for (unsigned i = 0; i < n && i < AHEAD; i++) {
        prefetch_mbuf(port, &descs[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            prefetch_mbuf(port, &descs[i + AHEAD]);
        }
        take(port, q, &limits, &descs[i], &rx);
    }
    vhc_ring_release(&q->tx, n);

    if (unlikely(rx.n_back)) {
        vhc_pool_put(port->pool, rx.back, rx.n_back);
    }
    if (likely(rx.n + rx.n_local + rx.n_back)) {
        vhc_count(&port->pool->slots[limits.slot].back,
                  rx.n + rx.n_local + rx.n_back);
    }
    if (unlikely(rx.n_local)) {
        deliver_local(port->pool, q, limits.slot, &rx);
    }
    vhc_count(&q->rx_counters.packets, rx.n);
    vhc_count(&q->rx_counters.bytes, rx.bytes);
    vhc_count(&q->rx_counters.moved, rx.n_moved);
    return rx.n;
}

/* Returns where the packet in 'm', an mbuf of the pool, came from. */
static unsigned
source_of(const struct rte_mbuf *m)
{
    unsigned slot = m->port & (FROM_SLOT - 1);

    if (!(m->port & FROM_SLOT)) {
        return VHC_FROM_NIC;
    }
    return slot <= VHC_MAX_SLOTS ? VHC_FROM_SLOT + slot : VHC_FROM_OUTSIDE;
}

static bool
goes_by_reference(const struct vhc_pool *pool, const struct rte_mbuf *m)
{
    return m->pool == pool->mp && m->nb_segs == 1
           && rte_mbuf_refcnt_read(m) == 1;
}

/* Copies the packet in 'm' into a buffer of the pool.  Does not free 'm'.
 * The caller has made sure that it fits. */
static struct rte_mbuf *
copy_in(const struct vhc_pool *pool, struct rte_mbuf *m)
{
    struct rte_mbuf *copy = rte_pktmbuf_alloc(pool->mp);

    if (!copy) {
        return NULL;
    }
    for (const struct rte_mbuf *seg = m; seg; seg = seg->next) {
        memcpy(rte_pktmbuf_append(copy, seg->data_len),
               rte_pktmbuf_mtod(seg, char *), seg->data_len);
    }
    *vhc_pool_mark(pool, copy) = *vhc_pool_mark(pool, m);
    return copy;
}

/* Packets in a row that come from one source. */
struct run {
    unsigned source;
    unsigned n;
};

/* Counts the packets of 'run', of which there are none afterwards. */
static inline void
end_run(struct vhc_tx_counters *counters, struct run *run)
{
    vhc_count(&counters->hops[run->source].by_reference, run->n);
    run->n = 0;
}

/* Returns a buffer of the pool in which the packet in 'm' is: 'm' itself if it
 * 'is_copy', which OVS has made of a packet that was in no mbuf, or a copy,
 * for which 'm' is freed.  If there is none, frees 'm', counts why and returns
 * NULL. */
static struct rte_mbuf *
admit_copy(const struct vhc_port *port, struct vhc_tx_counters *counters,
           struct rte_mbuf *m, bool is_copy)
{
    struct rte_mbuf *copy = is_copy ? m : copy_in(port->pool, m);

    if (!copy) {
        vhc_count(&counters->drops[VHC_DROP_POOL_EMPTY], 1);
        rte_pktmbuf_free(m);
        return NULL;
    }
    vhc_count(&counters->hops[VHC_FROM_OUTSIDE].copied, 1);
    vhc_count(&counters->copied, 1);
    vhc_count(&counters->copied_bytes, m->pkt_len);
    if (copy != m) {
        rte_pktmbuf_free(m);
    }
    return copy;
}

/* Returns the mbuf of the pool that 'm' goes to the NF in: itself or a copy,
 * for which 'm' is freed.  If it cannot go, frees it, counts why and returns
 * NULL. */
static inline struct rte_mbuf *
admit(const struct vhc_port *port, struct vhc_tx_counters *counters,
      uint32_t max_len, struct rte_mbuf *m, struct run *run)
{
    bool by_reference;
    unsigned source;

    if (unlikely(m->pkt_len > max_len || m->pkt_len < VHC_MIN_FRAME)) {
        vhc_count(&counters->drops[VHC_DROP_TX_SIZE], 1);
        rte_pktmbuf_free(m);
        return NULL;
    }
    by_reference = goes_by_reference(port->pool, m);
    source = likely(by_reference) ? source_of(m) : VHC_FROM_OUTSIDE;
    if (unlikely(source == VHC_FROM_OUTSIDE)) {
        return admit_copy(port, counters, m, by_reference);
    }
    if (unlikely(source != run->source)) {
        end_run(counters, run);
        run->source = source;
    }
    run->n++;
    return m;
}

uint64_t
vhc_port_token(const struct vhc_port *port)
{
    return __atomic_load_n(&port->token, __ATOMIC_RELAXED);
}

/* Frees 'n' packets that the NF cannot have because of 'drop'. */
static void
turn_away(struct vhc_queue *q, struct rte_mbuf **mbufs, unsigned n,
          enum vhc_drop drop)
{
    vhc_count(&q->tx_counters.drops[drop], n);
    for (unsigned i = 0; i < n; i++) {
        rte_pktmbuf_free(mbufs[i]);
    }
}

unsigned
vhc_port_tx(struct vhc_port *port, unsigned queue, struct rte_mbuf **mbufs,
            unsigned n)
{
    struct vhc_queue *q = &port->queues[queue];
    struct vhc_tx_counters *counters = &q->tx_counters;
    uint32_t credit = vhc_port_credit(port);
    unsigned n_sent = 0, i, room;
    uint32_t bufs[VHC_MAX_BURST];
    struct run run = { .source = VHC_FROM_NIC };
    uint64_t bytes = 0;
    uint32_t max_len;

    if (unlikely(!vhc_port_is_attached(port))) {
        turn_away(q, mbufs, n, VHC_DROP_DETACHED);
        return 0;
    }
    max_len = __atomic_load_n(&port->max_len, __ATOMIC_RELAXED);
    room = vhc_ring_reserve(&q->rx, RTE_MIN(n, credit));
    vhc_ring_prefetch(&q->rx, room);
    for (i = 0; i < n && n_sent < room; i++) {
        struct rte_mbuf *m = admit(port, counters, max_len, mbufs[i], &run);

        if (likely(m != NULL)) {
            struct vhc_desc desc = {
                .buf = vhc_pool_id(port->pool, m),
                .off = m->data_off,
                .len = m->data_len,
                .mark = *vhc_pool_mark(port->pool, m),
            };

            vhc_ring_put(&q->rx, n_sent, &desc);
            bufs[n_sent++] = desc.buf;
            bytes += desc.len;
        }
    }
    if (likely(n_sent)) {
        /* Counted before the NF, which may guess, can send them back. */
        vhc_count(&counters->buffers, n_sent);
        end_run(counters, &run);
        give(port->pool, &q->rx, q->rx_next, q->slot, bufs, n_sent);
        vhc_ring_submit(&q->rx, n_sent);
        if (port->sleeps) {
            vhc_queue_wake(port, q);
        }
        vhc_count(&counters->packets, n_sent);
        vhc_count(&counters->bytes, bytes);
    }
    if (unlikely(i < n)) {
        turn_away(q, &mbufs[i], n - i, (room < credit ? VHC_DROP_RING_FULL
                                        : VHC_DROP_NO_CREDIT));
    }
    return n_sent;
}
