/* SPDX-License-Identifier: Apache-2.0 */

/* Waking an NF that sleeps. */

#include <config.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port-private.h"

void
vhc_port_wake_futex(struct vhc_port *port)
{
    __atomic_fetch_add(&port->host->wake_seq, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &port->host->wake_seq, FUTEX_WAKE, VHC_MAX_QUEUES,
            NULL, NULL, 0);
}

void
vhc_queue_wake(struct vhc_port *port, struct vhc_queue *q)
{
    uint32_t need;

    vhc_ring_fence();           /* (C) */
    need = __atomic_load_n(&port->nf->need_wakeup, __ATOMIC_RELAXED);
    if (likely(!need)
        || need == __atomic_load_n(&q->woken, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_store_n(&q->woken, need, __ATOMIC_RELAXED);
    if (port->frame) {
        q->wants_frame = true;
    } else {
        vhc_port_wake_futex(port);
        vhc_count(&q->tx_counters.wakeups, 1);
    }
}

bool
vhc_port_wants_frame(struct vhc_port *port, unsigned queue)
{
    struct vhc_queue *q = &port->queues[queue];
    bool wants = q->wants_frame;

    q->wants_frame = false;
    return wants;
}

void
vhc_port_frame_done(struct vhc_port *port, unsigned queue, bool sent)
{
    struct vhc_queue *q = &port->queues[queue];

    if (sent) {
        __atomic_fetch_add(&q->tx_counters.wakeups, 1, __ATOMIC_RELAXED);
    } else {
        __atomic_store_n(&q->woken, 0, __ATOMIC_RELAXED);
    }
}
