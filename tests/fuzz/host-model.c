/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "host-model.h"

#include <string.h>

#include "fuzz.h"

/* Returns why 'desc' goes no further.  'gone' says which buffers came before
 * it in the same burst. */
static enum vhc_drop
find_drop(const struct vhc_desc *desc, uint16_t slot, uint32_t max_len,
          const bool gone[HOST_N_IDS])
{
    if (desc->buf >= HOST_N_IDS
        || !vhc_geometry_is_buffer(&host.pool->geometry, desc->buf)) {
        return VHC_DROP_BAD_BUFFER;
    }
    if (gone[desc->buf] || host.pool->owner[desc->buf] != slot) {
        return VHC_DROP_NOT_OWNER;
    }
    if (desc->flags || desc->reserved) {
        return VHC_DROP_RESERVED;
    }
    if (desc->verdict >= VHC_N_VERDICTS) {
        return VHC_DROP_BAD_VERDICT;
    }
    if (desc->verdict == VHC_DROP) {
        return VHC_DROP_BY_NF;
    }
    if (desc->len < VHC_MIN_FRAME) {
        return VHC_DROP_RX_SHORT;
    }
    if (desc->len > max_len) {
        return VHC_DROP_RX_LONG;
    }
    if (desc->off + desc->len > HOST_STRIDE) {
        return VHC_DROP_OUTSIDE;
    }
    return VHC_NO_DROP;
}

static void
take_samples(struct host_expected *e)
{
    unsigned n = RTE_MIN(HOST_SAMPLE, e->desc.len);
    const uint8_t *data = host.pool->base
        + vhc_geometry_offset(&host.pool->geometry, e->desc.buf)
        + e->desc.off;

    memcpy(e->head, data, n);
    memcpy(e->tail, data + e->desc.len - n, n);
}

void
host_model_init(struct host_model *model, const struct vhc_port *port,
                const struct vhc_queue *q, uint16_t slot, unsigned n)
{
    uint32_t avail = q->tx.ring->prod - q->tx.cons;
    bool gone[HOST_N_IDS] = { false };

    model->n = n;
    model->corrupt = q->tx.prod - q->tx.cons < n && avail > q->tx.size;
    for (unsigned i = 0; i < n; i++) {
        struct host_expected *e = &model->entries[i];

        e->desc = q->tx.ring->desc[(q->tx.cons + i) % q->tx.size];
        e->drop = find_drop(&e->desc, slot, port->max_len, gone);
        if (e->drop == VHC_NO_DROP) {
            take_samples(e);
        }
        if (e->drop == VHC_NO_DROP || e->drop >= VHC_DROP_RESERVED) {
            gone[e->desc.buf] = true;
        }
    }
}

static void
check_mbuf(const struct host_expected *e, struct rte_mbuf *m)
{
    unsigned n = RTE_MIN(HOST_SAMPLE, e->desc.len);
    const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

    assert_int_equal(vhc_pool_id(host.pool, m), e->desc.buf);
    assert_int_equal(m->data_len, e->desc.len);
    assert_int_equal(*vhc_pool_mark(host.pool, m), e->desc.mark);
    assert_memory_equal(data, e->head, n);
    assert_memory_equal(data + e->desc.len - n, e->tail, n);
}

void
host_model_check(const struct host_model *model, unsigned n,
                 struct rte_mbuf *const mbufs[], unsigned n_mbufs,
                 const struct host_counts *was, const struct host_counts *is)
{
    uint64_t drops[VHC_N_DROPS] = { 0 };
    unsigned n_forward = 0, n_local = 0;

    if (!model->valid) {
        return;
    }
    assert_true(n <= (model->corrupt ? 0 : model->n));
    for (unsigned i = 0; i < n; i++) {
        const struct host_expected *e = &model->entries[i];

        if (e->drop != VHC_NO_DROP) {
            drops[e->drop]++;
        } else if (e->desc.verdict == VHC_LOCAL) {
            n_local++;
        } else {
            assert_true(n_forward < n_mbufs);
            check_mbuf(e, mbufs[n_forward++]);
        }
    }
    assert_int_equal(n_forward, n_mbufs);
    drops[VHC_DROP_NO_LOCAL] = n_local - (is->local - was->local);
    for (int i = 1; i < VHC_DROP_DETACHED; i++) {
        assert_int_equal(is->stats.drops[i] - was->stats.drops[i], drops[i]);
    }
}
