/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "resume.h"

#include <string.h>

#include "port-private.h"
#include "record.h"

/* Rings.
 *
 * What a switch that was killed leaves in a ring, by the order of its stores
 * (burst.c) and of its index there, 'prod' or 'cons', which the NF can write
 * to as well:
 *
 *     to the NF                     the next switch finds
 *       descriptors written         next == prod: the buffers are HOST, free
 *       next = prod + n             n entries, of none is the buffer the NF's
 *       owner = slot, one by one    n entries, of the first k it is
 *       prod = next                 next == prod: done
 *
 *     from the NF
 *       owner = HOST, one by one    of the first k entries the buffer is not
 *                                   the NF's: taken, and lost with the switch
 *       cons += n                   none such */

static bool
is_owned(const struct vhc_desc *desc, const struct vhc_limits *limits)
{
    return desc->buf < limits->n_ids
           && limits->owner[desc->buf] == limits->slot;
}

bool
vhc_resume_prod(struct vhc_prod *p, struct vhc_ring *ring, uint32_t size,
                uint32_t next, const struct vhc_limits *limits)
{
    uint32_t cons = __atomic_load_n(&ring->cons, __ATOMIC_ACQUIRE); /* (B) */
    uint32_t prod = __atomic_load_n(&ring->prod, __ATOMIC_RELAXED);
    struct vhc_cons entries = { .ring = ring, .size = size, .cons = prod };
    uint32_t n = 0;

    if (next - prod > VHC_MAX_BURST || prod - cons > size
        || next - cons > size) {
        return false;
    }
    for (; n < next - prod; n++) {
        struct vhc_desc desc = vhc_ring_get(&entries, n);

        if (!is_owned(&desc, limits)) {
            break;
        }
    }
    *p = (struct vhc_prod) {
        .ring = ring, .size = size, .prod = prod, .cons = cons
    };
    vhc_ring_submit(p, n);
    return true;
}

bool
vhc_resume_cons(struct vhc_cons *c, struct vhc_ring *ring, uint32_t size,
                const struct vhc_limits *limits)
{
    uint32_t prod = __atomic_load_n(&ring->prod, __ATOMIC_ACQUIRE); /* (A) */
    uint32_t cons = __atomic_load_n(&ring->cons, __ATOMIC_RELAXED);
    uint32_t n = 0;

    if (prod - cons > size) {
        return false;
    }
    *c = (struct vhc_cons) {
        .ring = ring, .size = size, .prod = prod, .cons = cons
    };
    for (; n < prod - cons && n < VHC_MAX_BURST; n++) {
        struct vhc_desc desc = vhc_ring_get(c, n);

        if (is_owned(&desc, limits)) {
            break;
        }
    }
    vhc_ring_release(c, n);
    return true;
}

/* Takes up the rings of queue 'i', whose NF sends the buffers of 'taken'.  A
 * switch that is killed in here leaves the same again, or less of it: 'prod'
 * moves before 'next' moves back to it. */
static bool
resume_queue(struct vhc_port *port, uint32_t i, uint16_t taken)
{
    struct vhc_queue *q = &port->queues[i];
    struct vhc_limits limits = q->limits;
    uint32_t size = port->config.ring_size;

    limits.slot = q->slot;
    if (!vhc_resume_prod(&q->rx, vhc_port_ring(port, i, VHC_RX), size,
                         *q->rx_next, &limits)
        || !vhc_resume_prod(&q->fill, vhc_port_ring(port, i, VHC_FILL), size,
                            *q->fill_next, &limits)) {
        return false;
    }
    limits.slot = taken;
    if (!vhc_resume_cons(&q->tx, vhc_port_ring(port, i, VHC_TX), size,
                         &limits)) {
        return false;
    }
    vhc_ledger_order();
    *q->rx_next = q->rx.prod;
    *q->fill_next = q->fill.prod;
    return true;
}

/* Returns true if 'f' is the ring file of a port of 'pool'.  If that was
 * removed meanwhile, its inode may be any other file's by now. */
static bool
is_ring_of(const struct vhc_shmfile *f, const struct vhc_pool *pool)
{
    const struct vhc_ctrl_host *host = (const struct vhc_ctrl_host *) f->base;

    return host->magic == VHC_RING_MAGIC
           && !memcmp(host->pool_uuid, pool->uuid, sizeof host->pool_uuid);
}

/* The buffers of 'port' come back in the tx rings of the port of record
 * 'slot', which is not open yet.  Those that the last switch had taken from
 * there are free.  Skips them before 'port' gives them to the NF anew: then
 * the old descriptors would be good again, and take from the NF what it has
 * hardly got. */
static void
skip_taken(const struct vhc_port *port, uint32_t slot)
{
    const struct vhc_record *r = &port->pool->ledger.records[slot];
    size_t ring_bytes = vhc_ring_bytes(r->ring_size);
    struct vhc_shmfile f;

    if (vhc_shmfile_open_inode(&f, port->pool->link_dir, r->inode)) {
        return;                 /* Its port does not find it either. */
    }
    if (f.size >= VHC_RINGS_OFF + r->n_queues * VHC_N_RINGS * ring_bytes
        && !vhc_shmfile_map(&f, 0, NULL) && is_ring_of(&f, port->pool)) {
        for (uint32_t i = 0; i < r->n_queues; i++) {
            size_t off = (i * VHC_N_RINGS + VHC_TX) * ring_bytes;
            struct vhc_limits limits = port->queues[i].limits;
            struct vhc_cons tx;

            limits.slot = port->queues[i].slot;
            vhc_resume_cons(&tx,
                            (struct vhc_ring *) (f.base + VHC_RINGS_OFF + off),
                            r->ring_size, &limits);
        }
    }
    vhc_shmfile_close(&f, false);
}

static bool
resume_rings(struct vhc_port *port)
{
    uint32_t peer = vhc_record_peer(port);
    uint32_t taken = peer && peer != VHC_PEER_GONE ? peer : port->slot;

    if (taken != port->slot && !port->pool->slots[taken].port) {
        skip_taken(port, taken);
    }
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        if (!resume_queue(port, i, taken + i)) {
            return false;
        }
    }
    return true;
}

/* Ports. */

/* Returns the open port that waits for the one of record 'slot', or NULL. */
static struct vhc_port *
find_waiting(const struct vhc_pool *pool, uint32_t slot)
{
    for (uint32_t i = 1; i <= VHC_MAX_SLOTS; i++) {
        struct vhc_port *port = pool->slots[i].port;

        if (port && port->awaits == slot) {
            return port;
        }
    }
    return NULL;
}

static bool
is_same(const struct vhc_port *port, const struct vhc_record *r)
{
    return r->n_queues == port->config.n_queues
           && r->ring_size == port->config.ring_size
           && r->access == port->config.access
           && r->inode == port->inode && port->file.existed;
}

uint32_t
vhc_resume_find(struct vhc_port *port)
{
    struct vhc_pool *pool = port->pool;

    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        const struct vhc_record *r = &pool->ledger.records[slot];

        if (r->n_queues && !pool->slots[slot].port
            && !strcmp(r->name, port->config.name)) {
            if (is_same(port, r)) {
                return slot;
            }
            vhc_resume_forget(pool, slot);
        }
    }
    return 0;
}

/* The first of two ports of an NF to come back takes from nobody until the
 * other is there. */
static void
resume_link(struct vhc_port *port)
{
    uint32_t slot = vhc_record_peer(port);
    struct vhc_port *peer;

    if (slot == VHC_PEER_GONE) {
        vhc_slots_part(port);
        port->widowed = true;
        return;
    }
    peer = slot ? port->pool->slots[slot].port : NULL;
    if (peer && peer->awaits == port->slot) {
        peer->awaits = 0;
        peer->peer = port;
        port->peer = peer;
        vhc_slots_join(port, peer);
    } else if (slot && !peer) {
        vhc_slots_part(port);
        port->awaits = slot;
    } else {
        vhc_record_unlink(port);
        vhc_slots_join(port, port);
    }
}

static void
resume_attachment(struct vhc_port *port)
{
    const struct vhc_record *r = vhc_port_record(port);

    port->attach = (struct vhc_attach) {
        .state = VHC_ATTACHED,
        .number = r->number,
        .generation = r->generation,
    };
    port->request = (struct vhc_request) {
        .number = r->number,
        .abi_version = VHC_ABI_VERSION,
        .features = r->features,
        .n_queues = r->n_queues,
        .fill_level = r->fill_level,
        .pid = r->pid,
    };
    memcpy(port->request.name, r->nf, sizeof port->request.name);
    port->token = r->token;
    vhc_port_grant(port);

    /* Its VM, if it is in one, may be gone: until it is heard of, the NF has
     * to move. */
    port->vm = VHC_VM_STOPPED;
}

/* The record says that no NF is attached, or one that must go. */
static void
resume_detached(struct vhc_port *port, enum vhc_reason reason)
{
    struct vhc_port *peer = find_waiting(port->pool, port->slot);
    const struct vhc_record *r = vhc_port_record(port);

    vhc_record_detach(port);
    port->attach.generation = r->generation;
    port->attach.reason = reason;
    if (vhc_port_owned(port)) {
        vhc_slots_reclaim(port);
    }
    vhc_record_unlink(port);
    if (peer) {                 /* Must go, too. */
        peer->awaits = 0;
        peer->widowed = true;
    }
}

void
vhc_resume(struct vhc_port *port)
{
    if (!vhc_port_record(port)->attached) {
        resume_detached(port, VHC_REASON_CLOSED);
    } else if (!resume_rings(port)) {
        resume_detached(port, VHC_REASON_CORRUPT);
    } else {
        resume_attachment(port);
        resume_link(port);
    }
}

void
vhc_resume_start(struct vhc_port *port)
{
    if (port->attach.state != VHC_ATTACHED) {
        return;
    }
    __atomic_store_n(&port->attached, true, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        port->queues[i].wants_frame = port->frame;
    }
    if (port->futex) {
        vhc_port_wake_futex(port);
    }
}

/* Tells the NF that 'r' says is attached, or was and may not know yet, that it
 * is not any more, so that it does not write to buffers that others get.  If
 * the port that is being opened has the file, that tells it. */
static void
tell_closed(const struct vhc_pool *pool, const struct vhc_record *r)
{
    struct vhc_attach attach = {
        .state = VHC_DETACHED,
        .reason = VHC_REASON_CLOSED,
        .generation = r->generation,
    };
    struct vhc_shmfile f;

    if (!r->generation
        || vhc_shmfile_open_inode(&f, pool->link_dir, r->inode)) {
        return;
    }
    if (f.size > VHC_RINGS_OFF && !vhc_shmfile_map(&f, 0, NULL)
        && is_ring_of(&f, pool)) {
        vhc_attach_publish(&attach, (struct vhc_ctrl_host *) f.base);
    }
    vhc_shmfile_close(&f, false);
}

void
vhc_resume_forget(struct vhc_pool *pool, uint32_t slot)
{
    struct vhc_port *waiting = find_waiting(pool, slot);
    uint32_t n_queues = pool->ledger.records[slot].n_queues;

    tell_closed(pool, &pool->ledger.records[slot]);

    for (uint32_t i = 1; i <= VHC_MAX_SLOTS; i++) {
        struct vhc_record *r = &pool->ledger.records[i];

        if (r->n_queues && r->peer == slot) {
            r->peer = VHC_PEER_GONE;
        }
    }
    vhc_record_clear(&pool->ledger, slot);
    if (waiting) {
        waiting->awaits = 0;
        waiting->widowed = true;
        waiting->late_slot = slot;
        return;
    }
    for (uint32_t i = slot; i < slot + n_queues; i++) {
        vhc_slots_reclaim_orphan(pool, i);
    }
}

void
vhc_pool_settle(struct vhc_pool *pool)
{
    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        if (pool->ledger.records[slot].n_queues && !pool->slots[slot].port) {
            vhc_resume_forget(pool, slot);
        }
    }
}
