/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_PORT_PRIVATE_H
#define VHC_PORT_PRIVATE_H 1

/* A port, as its opening (port.c), the attachment of NFs (session.c), the data
 * path (burst.c) and the statistics (stats.c) see it. */

#include <rte_common.h>

#include "attach.h"
#include "check.h"
#include "pool-private.h"
#include "shmfile.h"
#include "slots.h"
#include "vhc/port.h"
#include "vhc/ring.h"

/* Where a packet came from, as an index into 'hops': memory outside of the
 * pool, a NIC that receives into the pool, or a port of the pool. */
enum {
    VHC_FROM_OUTSIDE,
    VHC_FROM_NIC,
    VHC_FROM_SLOT,              /* Plus the slot; slot 0 is not used. */
    VHC_N_SOURCES = VHC_FROM_SLOT + VHC_MAX_SLOTS + 1
};

/* Counters have one writer, which holds the queue's direction; readers take
 * them as they come. */
struct vhc_rx_counters {
    uint64_t packets, bytes, moved;
    uint64_t drops[VHC_N_DROPS];
};

struct vhc_tx_counters {
    uint64_t packets, bytes, copied, copied_bytes, wakeups;
    uint64_t buffers;           /* Ever gone out with packets. */
    uint64_t drops[VHC_N_DROPS];
    struct {
        uint64_t by_reference, copied;
    } hops[VHC_N_SOURCES];
};

struct vhc_queue {
    /* Used by the thread in vhc_port_rx(). */
    struct vhc_cons tx __rte_cache_aligned; /* The NF's tx ring. */
    struct vhc_limits limits;   /* 'slot' is this queue's own or, while the
                                 * port has a peer, that of the peer's queue.
                                 * 'slot' and 'max_len' are atomic. */
    uint16_t slot;              /* This queue's own. */
    uint32_t *fill_next;        /* In the slot's record: ledger.h. */
    struct vhc_prod fill;
    uint64_t fills;             /* Empty buffers ever gone out. */
    struct vhc_rx_counters rx_counters;

    /* Used by the thread in vhc_port_tx(). */
    struct vhc_prod rx __rte_cache_aligned; /* The NF's rx ring. */
    uint32_t *rx_next;          /* In the slot's record: ledger.h. */
    uint32_t woken;             /* Atomic.  'need_wakeup' last served. */
    bool wants_frame;           /* By the caller of vhc_port_tx(). */
    struct vhc_tx_counters tx_counters;

    /* Control: stall.c. */
    uint32_t seen_cons __rte_cache_aligned; /* Of the NF in its rx ring... */
    uint64_t drained_ms;        /* ...and when it last moved, or all of the
                                 * ring was taken. */
};

struct vhc_port {
    /* Read in the data path, written by control while nobody is in it. */
    bool attached;              /* Atomic. */
    bool futex;                 /* The NF sleeps on 'wake_seq'... */
    bool frame;                 /* ...or until it gets a frame. */
    bool sleeps;                /* Either.  Not the two together, which the
                                 * compiler reads in one with 'attached'. */
    uint32_t fill_level;        /* Entries; 0: the NF originates nothing. */
    struct vhc_pool *pool;
    uint32_t max_len;           /* Bytes of the longest frame to the NF. */
    struct vhc_ctrl_host *host; /* Shared. */
    const struct vhc_ctrl_nf *nf; /* Shared. */
    struct vhc_queue *queues;

    /* Control. */
    struct vhc_port_config config; /* 'name' and 'file' are malloc()ed. */
    struct vhc_shmfile file;
    uint64_t inode;             /* Of 'file'. */
    uint16_t slot;              /* Of queue 0, the others follow; 0: none. */
    uint64_t token;             /* Atomic.  Of this attachment. */
    struct vhc_port *peer;      /* Other port of the same NF, or NULL. */
    bool linking;               /* Attaching, to be linked with 'peer', which
                                 * does not know yet. */
    bool widowed;               /* The peer was detached or closed... */
    uint16_t late_slot;         /* ...and then its slots, from this one on,
                                 * wait for vhc_slots_reclaim_orphans();
                                 * or 0. */
    uint16_t awaits;            /* First slot of the peer that has not come
                                 * back since the switch started; or 0. */
    uint32_t ring_bytes;
    uint32_t tick;
    enum vhc_vm vm;             /* Atomic. */
    uint32_t vms_gone;          /* Atomic.  Counts VMs that went. */
    uint32_t vms_gone_before;   /* The same when the NF attached. */
    uint32_t nf_tick;           /* The NF's, when last looked at... */
    uint64_t nf_moved_ms;       /* ...and when it last moved. */
    bool vm_stopped;            /* The VM did since then. */
    bool stalled;               /* Atomic. */
    struct vhc_attach attach;
    struct vhc_request request; /* Of the NF that is or was attached. */
    struct vhc_ctrl_host header; /* What 'host' says, up to 'tick'. */
    uint64_t repairs;           /* Times that 'host' said something else. */
};

/* Returns ring 'role' of queue 'queue' of 'port'. */
struct vhc_ring *vhc_port_ring(const struct vhc_port *port, uint32_t queue,
                               enum vhc_ring_role role);

/* Notes what the request of the NF that is about to be attached asks for. */
void vhc_port_grant(struct vhc_port *port);

/* Wakes the NF of 'port', if it sleeps on its futex. */
void vhc_port_wake_futex(struct vhc_port *port);

/* Wakes the NF of 'port', which is one that sleeps, if it does or is about to,
 * after packets were submitted on queue 'q'.  Once for each time that it goes
 * to sleep: it changes 'need_wakeup' each time. */
void vhc_queue_wake(struct vhc_port *port, struct vhc_queue *q);

/* Begins to watch whether the NF that attaches takes its packets. */
void vhc_stall_start(struct vhc_port *port);

/* Looks whether it does.  Returns VHC_PORT_STALLED or VHC_PORT_DRAINS when
 * that changes, otherwise VHC_PORT_SAME. */
enum vhc_port_event vhc_stall_look(struct vhc_port *port);

/* Returns milliseconds of CLOCK_MONOTONIC. */
uint64_t vhc_now_ms(void);

/* Makes the ports that are linked with 'port', or about to be, forget it. */
void vhc_port_widow_peers(struct vhc_port *port);

/* Makes the port that is linked with 'port' wait for it to come back. */
void vhc_port_part_peers(struct vhc_port *port);

/* Adds 'n' to '*counter', of which the caller is the only writer. */
static inline void
vhc_count(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t
vhc_counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Returns how many buffers ever went out on queue 'i' of 'port'. */
static inline uint64_t
vhc_slot_gone(const struct vhc_port *port, uint32_t i)
{
    return vhc_counted(&port->queues[i].tx_counters.buffers)
           + vhc_counted(&port->queues[i].fills);
}

/* Returns how many buffers the NF holds that went out on queue 'i' of 'port'.
 *
 * What came back is read before what went out, so that a thread in
 * vhc_port_tx(), which itself counts what goes out, sees no less than the
 * truth, unless empty buffers go out at the same moment. */
static inline uint32_t
vhc_slot_owned(const struct vhc_port *port, uint32_t i)
{
    uint64_t back = vhc_counted(&port->pool->slots[port->slot + i].back);

    return vhc_slot_gone(port, i) - back;
}

/* Returns how many buffers the NF of 'port' holds. */
static inline uint32_t
vhc_port_owned(const struct vhc_port *port)
{
    uint32_t owned = 0;

    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        owned += vhc_slot_owned(port, i);
    }
    return owned;
}

/* Returns how many more buffers 'port' may own. */
static inline uint32_t
vhc_port_credit(const struct vhc_port *port)
{
    uint32_t owned = vhc_port_owned(port);

    return owned < port->config.credits ? port->config.credits - owned : 0;
}

#endif /* port-private.h */
