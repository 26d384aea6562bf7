/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The attachment of an NF to a port, from its request to its end. */

#include <string.h>
#include <sys/random.h>

#include "header.h"
#include "port-private.h"
#include "record.h"

struct vhc_ring *
vhc_port_ring(const struct vhc_port *port, uint32_t queue,
              enum vhc_ring_role role)
{
    size_t i = (size_t) queue * VHC_N_RINGS + role;

    return (struct vhc_ring *) (port->file.base + VHC_RINGS_OFF
                                + i * port->ring_bytes);
}

/* Ends the link of 'port', which is detached, with its peer, if there is one,
 * which will be. */
static void
unlink_peer(struct vhc_port *port)
{
    if (port->peer) {
        port->peer->peer = NULL;
    }
    port->peer = NULL;
    port->awaits = 0;
    vhc_record_unlink(port);
}

void
vhc_port_widow_peers(struct vhc_port *port)
{
    for (int i = 1; i <= VHC_MAX_SLOTS; i++) {
        struct vhc_port *other = port->pool->slots[i].port;

        if (other && other->peer == port) {
            vhc_slots_part(other);
            vhc_record_widow(other);
            other->peer = NULL;
            other->widowed = true;
            other->late_slot = port->peer == other ? port->slot : 0;
        }
    }
    if (port->linking && port->peer) {
        vhc_slots_join(port->peer, port->peer);
        port->peer = NULL;
    }
}

void
vhc_port_part_peers(struct vhc_port *port)
{
    for (int i = 1; i <= VHC_MAX_SLOTS; i++) {
        struct vhc_port *other = port->pool->slots[i].port;

        if (other && other->peer == port) {
            vhc_slots_part(other);
            other->peer = NULL;
            other->awaits = other->linking ? 0 : port->slot;
        }
    }
    if (port->linking && port->peer) {
        vhc_slots_join(port->peer, port->peer);
    }
}

/* The NF starts each of its indices at 0, before it asks to attach. */
static bool
indices_zero(const struct vhc_port *port)
{
    uint32_t any = 0;

    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        any |= __atomic_load_n(&vhc_port_ring(port, i, VHC_RX)->cons,
                               __ATOMIC_RELAXED);
        any |= __atomic_load_n(&vhc_port_ring(port, i, VHC_TX)->prod,
                               __ATOMIC_RELAXED);
        any |= __atomic_load_n(&vhc_port_ring(port, i, VHC_FILL)->cons,
                               __ATOMIC_RELAXED);
    }
    return !any;
}

/* Returns true if some port is about to be linked with 'port'. */
static bool
is_wanted(const struct vhc_port *port)
{
    for (int i = 1; i <= VHC_MAX_SLOTS; i++) {
        const struct vhc_port *other = port->pool->slots[i].port;

        if (other && other->linking && other->peer == port) {
            return true;
        }
    }
    return false;
}

/* Returns the port that 'req' names as the NF's other one, if it may be linked
 * with 'port', otherwise NULL. */
static struct vhc_port *
find_peer(const struct vhc_port *port, const struct vhc_request *req)
{
    for (int i = 1; req->peer_token && i <= VHC_MAX_SLOTS; i++) {
        struct vhc_port *other = port->pool->slots[i].port;

        if (other && other != port && other->attached && !other->peer
            && !other->widowed && !other->awaits
            && other->token == req->peer_token
            && other->config.n_queues == port->config.n_queues
            && !is_wanted(other)) {
            return other;
        }
    }
    return NULL;
}

static void
make_token(struct vhc_port *port)
{
    uint64_t token;

    while (getrandom(&token, sizeof token, 0) != sizeof token || !token) {
        continue;
    }
    __atomic_store_n(&port->token, token, __ATOMIC_RELAXED);
    vhc_header_set_token(port, token);
}

void
vhc_port_set_vm(struct vhc_port *port, enum vhc_vm vm)
{
    __atomic_store_n(&port->vm, vm, __ATOMIC_RELAXED);
    if (vm == VHC_VM_GONE) {
        __atomic_fetch_add(&port->vms_gone, 1, __ATOMIC_RELAXED);
    }
}

void
vhc_port_grant(struct vhc_port *port)
{
    uint32_t size = port->config.ring_size;
    uint32_t level = port->request.fill_level;

    port->futex = (port->request.features & VHC_NF_F_FUTEX) != 0;
    port->frame = (port->request.features & VHC_NF_F_FRAME) != 0;
    port->sleeps = port->futex || port->frame;
    port->fill_level = level < size ? level : size;
    port->vm_stopped = false;
    port->nf_moved_ms = vhc_now_ms();
    vhc_stall_start(port);
}

static enum vhc_port_event
do_attach(struct vhc_port *port)
{
    uint32_t size = port->config.ring_size;

    vhc_port_grant(port);
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        struct vhc_queue *q = &port->queues[i];

        vhc_prod_init(&q->rx, vhc_port_ring(port, i, VHC_RX), size);
        vhc_cons_init(&q->tx, vhc_port_ring(port, i, VHC_TX), size);
        vhc_prod_init(&q->fill, vhc_port_ring(port, i, VHC_FILL), size);
        *q->rx_next = 0;
        *q->fill_next = 0;
        q->woken = 0;
        q->wants_frame = false;
    }
    vhc_slots_join(port, port->peer ? port->peer : port);
    make_token(port);
    vhc_record_attach(port);    /* Before the NF knows: record.h. */
    vhc_header_publish(port);
    __atomic_store_n(&port->attached, true, __ATOMIC_RELEASE);
    return VHC_PORT_ATTACHED;
}

static enum vhc_port_event
begin_attach(struct vhc_port *port, const struct vhc_request *req)
{
    port->request = *req;
    port->peer = find_peer(port, req);
    if (!port->peer) {
        return do_attach(port);
    }
    vhc_slots_part(port->peer);
    port->linking = true;
    return VHC_PORT_LINKING;
}

/* The peer must go, too: in its tx ring, and in the NF's hands, are references
 * to buffers of 'port', which are about to be others' and could become those
 * of the peer.  Then they would be good again. */
static enum vhc_port_event
begin_detach(struct vhc_port *port)
{
    __atomic_store_n(&port->attached, false, __ATOMIC_RELEASE);
    vhc_record_detach(port);
    if (port->peer) {
        vhc_slots_part(port->peer);
        port->peer->widowed = true;
    }
    return VHC_PORT_DETACHING;
}

static bool
is_lost(const struct vhc_port *port)
{
    return vhc_shmfile_is_lost(&port->file)
           || vhc_shmfile_is_lost(&port->pool->file);
}

/* Returns why the attached NF, which holds no lock, is gone, or
 * VHC_REASON_NONE.
 *
 * A VM that is killed closes its connection.  One that is paused, reset or
 * shut down stops its device, as does one that only loads the driver anew;
 * there the NF's tick goes on.  An NF that is killed in a guest that lives is
 * noticed by its tick alone, and later, because a busy host may not let a
 * guest run for a while. */
static enum vhc_reason
find_vm_fault(struct vhc_port *port)
{
    uint32_t tick = __atomic_load_n(&port->nf->tick, __ATOMIC_RELAXED);
    uint64_t now = vhc_now_ms();
    uint64_t still;

    if (__atomic_load_n(&port->vms_gone, __ATOMIC_RELAXED)
        != port->vms_gone_before) {
        return VHC_REASON_VM_GONE;
    }
    if (tick != port->nf_tick) {
        port->nf_tick = tick;
        port->nf_moved_ms = now;
        port->vm_stopped = false;
    }
    if (__atomic_load_n(&port->vm, __ATOMIC_RELAXED) == VHC_VM_STOPPED) {
        port->vm_stopped = true; /* Until the NF moves, whatever the VM does:
                                  * another guest may run there by then. */
    }
    still = now - port->nf_moved_ms;
    if (port->vm_stopped) {
        return still >= VHC_VM_PATIENCE_MS ? VHC_REASON_VM_STOPPED
               : VHC_REASON_NONE;
    }
    return port->frame && still >= VHC_NF_PATIENCE_MS ? VHC_REASON_STALLED
           : VHC_REASON_NONE;
}

static enum vhc_reason
find_owner_fault(struct vhc_port *port)
{
    if (!(port->request.features & VHC_NF_F_LOCK)) {
        return find_vm_fault(port);
    }
    return vhc_shmfile_locked(&port->file, VHC_LOCK_NF, NULL)
           ? VHC_REASON_NONE : VHC_REASON_GONE;
}

/* Returns why the attached NF must go, or VHC_REASON_NONE. */
static enum vhc_reason
find_fault(struct vhc_port *port)
{
    enum vhc_reason reason;

    if (port->attach.state != VHC_ATTACHED) {
        return VHC_REASON_NONE;
    }
    if (port->widowed) {
        return VHC_REASON_PEER;
    }
    if (is_lost(port)) {
        return VHC_REASON_LOST;
    }
    reason = find_owner_fault(port);
    if (reason) {
        return reason;
    }
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        const struct vhc_queue *q = &port->queues[i];

        if (__atomic_load_n(&q->rx.bad, __ATOMIC_RELAXED)
            || __atomic_load_n(&q->tx.bad, __ATOMIC_RELAXED)
            || __atomic_load_n(&q->fill.bad, __ATOMIC_RELAXED)) {
            return VHC_REASON_CORRUPT;
        }
    }
    return VHC_REASON_NONE;
}

enum vhc_port_event
vhc_port_run(struct vhc_port *port)
{
    struct vhc_expect expect = { .n_queues = port->config.n_queues };
    struct vhc_request req;

    if (port->attach.state != VHC_ATTACHED
        && vhc_shmfile_is_lost(&port->file)
        && !vhc_shmfile_restore(&port->file)) {
        vhc_header_write(port);
    }
    vhc_header_repair(port);
    __atomic_store_n(&port->host->tick, ++port->tick, __ATOMIC_RELAXED);

    if (port->attach.state != VHC_ATTACHED) {
        /* Before the request is read: the VM may go at any time after. */
        port->vms_gone_before = __atomic_load_n(&port->vms_gone,
                                                __ATOMIC_RELAXED);
    }
    vhc_request_read(port->nf, &req);
    if (port->attach.state == VHC_ATTACHED && is_lost(port)) {
        req.number = port->attach.number; /* What was read means nothing. */
    }
    expect.lost = vhc_shmfile_is_lost(&port->pool->file);
    memcpy(expect.pool_uuid, port->pool->uuid, sizeof expect.pool_uuid);
    expect.indices_zero = indices_zero(port);
    expect.peer_attached = port->attach.state != VHC_ATTACHED
                           && find_peer(port, &req);

    switch (vhc_attach_step(&port->attach, &req, &expect, find_fault(port))) {
    case VHC_STEP_ATTACH:
        return begin_attach(port, &req);
    case VHC_STEP_REFUSE:
        port->request = req;
        vhc_header_publish(port);
        return VHC_PORT_REFUSED;
    case VHC_STEP_DETACH:
        return begin_detach(port);
    case VHC_STEP_NONE:
    default:
        return vhc_stall_look(port);
    }
}

/* The port to be linked with may have gone meanwhile, and been closed. */
static enum vhc_port_event
finish_link(struct vhc_port *port)
{
    if (!port->peer || !port->peer->attached || port->peer->peer) {
        port->peer = NULL;
        port->linking = false;
        port->widowed = false;
        port->attach.state = VHC_REFUSED;
        port->attach.reason = VHC_REASON_PEER;
        vhc_header_publish(port);
        return VHC_PORT_REFUSED;
    }
    port->linking = false;
    port->peer->peer = port;
    return do_attach(port);
}

enum vhc_port_event
vhc_port_quiesced(struct vhc_port *port)
{
    if (port->attach.state == VHC_ATTACHED) {
        return finish_link(port);
    }
    vhc_slots_reclaim(port);
    unlink_peer(port);
    if (port->widowed) {
        vhc_slots_reclaim_orphans(port);
        port->widowed = false;
    }
    vhc_header_publish(port);
    return VHC_PORT_DETACHED;
}
