/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "slots.h"

#include <errno.h>
#include <sched.h>

#include "error.h"
#include "port-private.h"

static bool
is_free(const struct vhc_pool *pool, uint32_t slot, uint32_t n)
{
    for (uint32_t i = slot; i < slot + n; i++) {
        if (i > VHC_MAX_SLOTS || pool->slots[i].port
            || pool->slots[i].orphan) {
            return false;
        }
    }
    return true;
}

static void
assign(struct vhc_port *port, uint32_t first)
{
    struct vhc_pool *pool = port->pool;

    port->slot = first;
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        struct vhc_record *r = &pool->ledger.records[first + i];
        struct vhc_queue *q = &port->queues[i];

        pool->slots[first + i].port = port;
        pool->slots[first + i].orphan = false;
        pool->slots[first + i].back = 0;
        pool->slots[first + i].local = 0;
        q->slot = first + i;
        q->limits.slot = first + i;
        q->rx_next = &r->rx_next;
        q->fill_next = &r->fill_next;
    }
}

/* Slots are taken in turn, not the lowest first, so that what counts by slots
 * speaks of a port that is gone for a while rather than of another. */
int
vhc_slots_take(struct vhc_port *port, char **errp)
{
    struct vhc_pool *pool = port->pool;
    uint32_t n = port->config.n_queues;

    for (uint32_t i = 0; i < VHC_MAX_SLOTS; i++) {
        uint32_t slot = 1 + (pool->last_slot + i) % VHC_MAX_SLOTS;

        if (is_free(pool, slot, n)) {
            assign(port, slot);
            pool->last_slot = slot + n - 1;
            return 0;
        }
    }
    return vhc_error(errp, ENOSPC, "the ports of pool %s have %d queues at "
                     "most", pool->name, VHC_MAX_SLOTS);
}

void
vhc_slots_recover(struct vhc_pool *pool)
{
    const struct vhc_ledger *ledger = &pool->ledger;

    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        for (uint32_t i = 0; i < ledger->records[slot].n_queues; i++) {
            pool->slots[slot + i].orphan = true;
        }
    }
    for (uint32_t id = 0; id < pool->geometry.n_ids; id++) {
        uint16_t owner = ledger->owner[id];

        if (owner != VHC_OWNER_HOST && owner <= VHC_MAX_SLOTS) {
            pool->slots[owner].gone++;
        }
    }
}

void
vhc_slots_adopt(struct vhc_port *port, uint32_t first)
{
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        const struct vhc_slot *slot = &port->pool->slots[first + i];

        vhc_count(&port->queues[i].tx_counters.buffers,
                  slot->gone - vhc_counted(&slot->back));
    }
    assign(port, first);
}

/* Waits until the thread that takes back the buffers of 'slot' is done with
 * the port, if it is handing packets to its guest.  The two pairs of accesses
 * marked (D) are sequentially consistent, so that either that thread sees that
 * there is no port any more or this one sees that it is at it. */
static void
forget_port(struct vhc_slot *slot)
{
    __atomic_store_n(&slot->port, NULL, __ATOMIC_SEQ_CST);      /* (D) */
    while (__atomic_load_n(&slot->in_local, __ATOMIC_SEQ_CST)) { /* (D) */
        sched_yield();
    }
}

void
vhc_slots_abandon(struct vhc_port *port)
{
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        struct vhc_slot *slot = &port->pool->slots[port->slot + i];

        slot->gone = vhc_slot_gone(port, i);
        slot->orphan = true;
        forget_port(slot);
    }
}

static void
reclaim_slot(struct vhc_pool *pool, uint16_t slot)
{
    uint64_t n = 0;

    for (uint32_t id = 0; id < pool->geometry.n_ids; id++) {
        if (__atomic_load_n(&pool->owner[id], __ATOMIC_RELAXED) == slot) {
            struct rte_mbuf *m = vhc_pool_mbuf(pool, id);

            vhc_pool_regain(pool, id);
            vhc_pool_put(pool, &m, 1);
            n++;
        }
    }
    vhc_count(&pool->slots[slot].back, n);
}

void
vhc_slots_reclaim(struct vhc_port *port)
{
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        reclaim_slot(port->pool, port->slot + i);
    }
}

void
vhc_slots_reclaim_orphan(struct vhc_pool *pool, uint32_t slot)
{
    reclaim_slot(pool, slot);
    pool->slots[slot].orphan = false;
}

void
vhc_slots_reclaim_orphans(struct vhc_port *port)
{
    for (uint32_t i = 0; port->late_slot && i < port->config.n_queues; i++) {
        vhc_slots_reclaim_orphan(port->pool, port->late_slot + i);
    }
    port->late_slot = 0;
}

void
vhc_slots_release(struct vhc_port *port)
{
    if (!port->slot) {
        return;
    }
    if (!port->peer) {
        vhc_slots_reclaim(port);
    }
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        struct vhc_slot *slot = &port->pool->slots[port->slot + i];

        slot->gone = vhc_slot_gone(port, i);
        slot->orphan = port->peer != NULL;
        forget_port(slot);
    }
}

static void
set_taker(struct vhc_port *port, uint32_t i, uint16_t slot)
{
    __atomic_store_n(&port->queues[i].limits.slot, slot, __ATOMIC_RELAXED);
}

void
vhc_slots_part(struct vhc_port *port)
{
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        set_taker(port, i, VHC_OWNER_NOBODY);
    }
}

void
vhc_slots_join(struct vhc_port *a, struct vhc_port *b)
{
    for (uint32_t i = 0; i < a->config.n_queues; i++) {
        set_taker(a, i, b->slot + i);
        set_taker(b, i, a->slot + i);
    }
}
