/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The data path of a switch that checks each call. */

#include <string.h>

#include "fuzz.h"
#include "host-model.h"
#include "race.h"

/* Returns true if 'm' is in the switch; each packet is there once, but for
 * those that OVS has several references to. */
static bool
in_hand(const struct rte_mbuf *m)
{
    for (unsigned i = 0; i < host.n_hand; i++) {
        if (host.hand[i] == m) {
            return true;
        }
    }
    return false;
}

void
host_take(struct rte_mbuf *m)
{
    assert_true(host.n_hand < HOST_MAX_HAND);
    host.hand[host.n_hand++] = m;
}

void
host_drop(unsigned n)
{
    for (; n && host.n_hand; n--) {
        rte_pktmbuf_free(host.hand[--host.n_hand]);
    }
}

void
host_check(void)
{
    bool seen[HOST_N_IDS] = { false };
    uint32_t in_switch = 0, owned = 0;
    struct host_view view;

    host_look(&view);
    for (unsigned i = 0; i < host.n_hand; i++) {
        if (host.hand[i]->pool == host.pool->mp) {
            uint32_t id = vhc_pool_id(host.pool, host.hand[i]);

            assert_int_equal(view.owner[id], VHC_OWNER_HOST);
            in_switch += !seen[id];
            seen[id] = true;
        }
    }
    for (int id = 0; id < HOST_N_IDS; id++) {
        owned += view.owner[id] != VHC_OWNER_HOST
                 && view.owner[id] != VHC_OWNER_NONE;
    }
    assert_int_equal(view.n_free + owned + in_switch,
                     host.pool->geometry.n_buffers);
    for (int k = 0; k < HOST_N_PORTS; k++) {
        const struct vhc_port *port = host.ports[k].port;

        for (uint32_t i = 0; port && i < port->config.n_queues; i++) {
            assert_int_equal(vhc_slot_owned(port, i),
                             host_owned(&view, port->slot + i));
        }
    }
}

/* Checks what vhc_port_rx() did, which returned 'mbufs' from 'q', where the
 * buffers of 'slot' come back. */
static void
check_rx(const struct vhc_port *port, const struct vhc_queue *q, uint16_t slot,
         struct rte_mbuf **mbufs, unsigned n, const struct host_view *before,
         const struct host_counts *was)
{
    uint64_t fills, back, local, bytes = 0;
    struct host_counts is;
    struct host_view after;

    host_look(&after);
    host_count(port, q, slot, &is);
    fills = is.fills - was->fills;
    back = is.back - was->back;
    local = is.local - was->local;
    for (unsigned i = 0; i < n; i++) {
        uint32_t id = vhc_pool_id(host.pool, mbufs[i]);

        host_check_packet(mbufs[i], port->max_len);
        assert_false(in_hand(mbufs[i]));
        assert_int_equal(after.owner[id], VHC_OWNER_HOST);
        if (before->owner[id] != slot) { /* Only just given. */
            assert_int_equal(before->owner[id], VHC_OWNER_HOST);
            assert_true(fills && slot == q->slot);
        }
        bytes += mbufs[i]->data_len;
        host_take(mbufs[i]);
    }
    host_check_moves(before, slot, fills ? q->slot : VHC_OWNER_NOBODY);
    assert_int_equal(is.stats.rx_packets - was->stats.rx_packets, n);
    assert_int_equal(is.stats.rx_bytes - was->stats.rx_bytes, bytes);
    assert_int_equal(is.consumed - was->consumed,
                     n + local + is.drops_rx - was->drops_rx);
    assert_int_equal(is.drops_tx, was->drops_tx);
    assert_true(back >= n + local);
    assert_int_equal(host_owned(&after, slot) - host_owned(before, slot),
                     (uint32_t) (slot == q->slot ? fills - back : -back));
    assert_int_equal(after.n_free, before->n_free - fills + back - n);
    assert_true(!fills || vhc_port_owned(port) <= port->config.credits);
}

unsigned
host_rx(int k, unsigned queue, unsigned n)
{
    struct vhc_port *port = host.ports[k].port;
    struct rte_mbuf *mbufs[VHC_MAX_BURST];
    struct host_counts counts, after;
    struct host_model model;
    struct host_view view;
    struct vhc_queue *q;
    uint16_t slot;

    if (queue >= host_n_queues(k)) {
        return 0;
    }
    n = RTE_MIN(n, HOST_MAX_HAND - host.n_hand);
    n = RTE_MIN(n, (unsigned) VHC_MAX_BURST);
    q = &port->queues[queue];
    slot = q->limits.slot;
    model.valid = vhc_port_is_attached(port) && !port->fill_level
                  && !race_is_armed() && !host.ports[k].truncated;
    if (model.valid) {
        host_model_init(&model, port, q, slot, n);
    }
    host_look(&view);
    host_count(port, q, slot, &counts);
    race_begin();
    n = vhc_port_rx(port, queue, mbufs, n);
    race_end();
    check_rx(port, q, slot, mbufs, n, &view, &counts);
    host_count(port, q, slot, &after);
    host_model_check(&model, after.consumed - counts.consumed, mbufs, n,
                     &counts, &after);
    host_check();
    fuzz_trace("    %u packets", n);
    fuzz_note(n);
    return n;
}

/* Checks the entries of the rx ring from 'prod' on, which say what the NF has
 * got. */
static void
check_given(const struct vhc_port *port, const struct vhc_queue *q,
            uint32_t prod)
{
    for (; prod != q->rx.prod; prod++) {
        struct vhc_desc desc
            = q->rx.ring->desc[prod % port->config.ring_size];

        if (vhc_shmfile_is_lost(&port->file)) {
            return;
        }
        assert_true(desc.buf < HOST_N_IDS);
        assert_int_equal(host.pool->owner[desc.buf], q->slot);
        assert_in_range(desc.len, VHC_MIN_FRAME, port->max_len);
        assert_true(desc.off + desc.len <= host.pool->geometry.stride);
        assert_int_equal(desc.verdict | desc.flags | desc.reserved, 0);
        fuzz_note(desc.buf);
    }
}

unsigned
host_tx(int k, unsigned queue, unsigned n)
{
    struct vhc_port *port = host.ports[k].port;
    struct host_counts was, is;
    struct host_view before, after;
    struct vhc_queue *q;
    unsigned n_sent;
    uint32_t prod;

    if (queue >= host_n_queues(k)) {
        return 0;
    }
    n = RTE_MIN(n, host.n_hand);
    n = RTE_MIN(n, (unsigned) VHC_MAX_BURST);
    q = &port->queues[queue];
    prod = q->rx.prod;
    host_look(&before);
    host_count(port, q, VHC_OWNER_NOBODY, &was);
    host.n_hand -= n;
    race_begin();
    n_sent = vhc_port_tx(port, queue, host.hand + host.n_hand, n);
    race_end();

    host_look(&after);
    host_count(port, q, VHC_OWNER_NOBODY, &is);
    assert_true(n_sent <= n);
    host_check_moves(&before, VHC_OWNER_NOBODY, q->slot);
    assert_int_equal(host_owned(&after, q->slot)
                     - host_owned(&before, q->slot), n_sent);
    assert_int_equal(q->rx.prod - prod, n_sent);
    assert_true(q->rx.prod - q->rx.cons <= q->rx.size);
    assert_int_equal(is.stats.tx_packets - was.stats.tx_packets, n_sent);
    assert_int_equal(is.drops_tx - was.drops_tx, n - n_sent);
    assert_int_equal(is.drops_rx, was.drops_rx);
    assert_true(!n_sent || vhc_port_owned(port) <= port->config.credits);
    check_given(port, q, prod);
    host_check();
    fuzz_trace("    %u of %u packets", n_sent, n);
    fuzz_note(n_sent);
    return n_sent;
}
