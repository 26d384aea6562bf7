/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "host-view.h"

#include <string.h>

#include "fuzz.h"

void
host_look(struct host_view *view)
{
    memcpy(view->owner, host.pool->owner, sizeof view->owner);
    view->n_free = rte_mempool_avail_count(host.pool->mp);
}

void
host_count(const struct vhc_port *port, const struct vhc_queue *q,
           uint16_t slot, struct host_counts *counts)
{
    const struct vhc_slot *s = &host.pool->slots[slot <= VHC_MAX_SLOTS
                                                 ? slot : 0];

    vhc_port_get_stats(port, &counts->stats);
    counts->drops_rx = counts->drops_tx = 0;
    for (int i = 1; i < VHC_N_DROPS; i++) {
        *(i < VHC_DROP_DETACHED ? &counts->drops_rx : &counts->drops_tx)
            += counts->stats.drops[i];
    }
    counts->fills = q->fills;
    counts->back = s->back;
    counts->local = s->local;
    counts->consumed = q->tx.cons;
}

uint32_t
host_owned(const struct host_view *view, uint16_t slot)
{
    uint32_t n = 0;

    for (int id = 0; id < HOST_N_IDS; id++) {
        n += view->owner[id] == slot;
    }
    return n;
}

void
host_check_moves(const struct host_view *before, uint16_t taken,
                 uint16_t given)
{
    for (int id = 0; id < HOST_N_IDS; id++) {
        uint16_t was = before->owner[id], is = host.pool->owner[id];

        if (was != is && !(was == taken && is == VHC_OWNER_HOST)
            && !(was == VHC_OWNER_HOST && is == given)) {
            fail_msg("buffer %d went from slot %u to %u, in a call that takes "
                     "from %u and gives to %u", id, was, is, taken, given);
        }
    }
}

void
host_check_packet(const struct rte_mbuf *m, uint32_t max_len)
{
    const char *reason;

    if (rte_mbuf_check(m, 1, &reason)) {
        fail_msg("%s", reason);
    }
    assert_ptr_equal(m->pool, host.pool->mp);
    assert_ptr_equal(host.pool->mbufs[vhc_pool_id(host.pool, m)], m);
    assert_int_equal(rte_mbuf_refcnt_read(m), 1);
    assert_int_equal(m->nb_segs, 1);
    assert_null(m->next);
    assert_int_equal(m->ol_flags, RTE_MBUF_F_EXTERNAL);
    assert_int_equal(m->buf_len, host.pool->geometry.stride);
    assert_int_equal(m->pkt_len, m->data_len);
    assert_in_range(m->data_len, VHC_MIN_FRAME, max_len);
    assert_true(m->data_off >= VHC_HEADROOM && m->data_off % 2 == 0);
    assert_true(m->data_off + m->data_len + VHC_TAILROOM <= m->buf_len);
}
