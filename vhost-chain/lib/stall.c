/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <time.h>

#include "port-private.h"

/* An NF that is attached and does not take its packets: it hangs, or is
 * stopped.  It keeps its attachment and what it holds, within its credit; only
 * the link says so, until it takes packets again. */

uint64_t
vhc_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
}

/* The NF can write to 'cons', so it can only lie about itself.  'rx_next' is
 * ahead of the ring's own index for a moment, which is none. */
static bool
is_stuck(const struct vhc_port *port, uint32_t i, uint64_t now)
{
    struct vhc_queue *q = &port->queues[i];
    uint32_t cons = __atomic_load_n(&vhc_port_ring(port, i, VHC_RX)->cons,
                                    __ATOMIC_RELAXED);

    if (cons != q->seen_cons
        || cons == __atomic_load_n(q->rx_next, __ATOMIC_RELAXED)) {
        q->seen_cons = cons;
        q->drained_ms = now;
    }
    return now - q->drained_ms >= port->config.stall_ms;
}

void
vhc_stall_start(struct vhc_port *port)
{
    uint64_t now = vhc_now_ms();

    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        port->queues[i].seen_cons = 0;
        port->queues[i].drained_ms = now;
    }
    __atomic_store_n(&port->stalled, false, __ATOMIC_RELAXED);
}

enum vhc_port_event
vhc_stall_look(struct vhc_port *port)
{
    uint64_t now;
    bool stalled = false;

    if (!port->config.stall_ms || port->attach.state != VHC_ATTACHED) {
        return VHC_PORT_SAME;
    }
    now = vhc_now_ms();
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        stalled |= is_stuck(port, i, now);
    }
    if (stalled == port->stalled) {
        return VHC_PORT_SAME;
    }
    __atomic_store_n(&port->stalled, stalled, __ATOMIC_RELAXED);
    return stalled ? VHC_PORT_STALLED : VHC_PORT_DRAINS;
}

bool
vhc_port_is_stalled(const struct vhc_port *port)
{
    return vhc_port_is_attached(port)
           && __atomic_load_n(&port->stalled, __ATOMIC_RELAXED);
}
