/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_PORT_H
#define VHC_PORT_H 1

/* A port's reference lane: rings in a file that one NF and the switch map.
 *
 * Usage
 * -----
 *
 *     struct vhc_port_config config = VHC_PORT_CONFIG_INITIALIZER;
 *
 *     config.name = "fw";
 *     config.max_len = 1518;
 *     error = vhc_port_open(pool, &config, &port, &message);
 *
 * A control thread, every few milliseconds:
 *
 *     event = vhc_port_run(port);
 *     if (event == VHC_PORT_DETACHING || event == VHC_PORT_LINKING) {
 *         wait until no thread is in vhc_port_rx() or vhc_port_tx() of any
 *         port of the pool that is in it now;
 *         event = vhc_port_quiesced(port);
 *     }
 *
 * The data path:
 *
 *     n = vhc_port_rx(port, queue, mbufs, 32);       from the NF
 *     n = vhc_port_tx(port, queue, mbufs, 32);       to the NF
 *     if (vhc_port_wants_frame(port, queue)) {
 *         sent = send a frame of VHC_WAKE_ETHERTYPE to the guest;
 *         vhc_port_frame_done(port, queue, sent);
 *     }
 *
 * And at the end, when no other thread uses the port:
 *
 *     vhc_port_close(port, false);
 *
 * Restart
 * -------
 *
 * A port that the last switch had open, with the same name, ring file, number
 * of queues, ring size and access, is taken up where that one left it, in a
 * pool that was found again: the NF that was attached still is, and what was
 * in its rings is there.  vhc_port_open() then returns a port that is attached
 * already.
 *
 * Ownership
 * ---------
 *
 * The caller owns the port and keeps its pool alive.  vhc_port_rx() gives
 * mbufs to the caller; vhc_port_tx() takes them, sent or not.  A buffer in
 * the NF's hands counts against the port's credit, and detaching or closing
 * the port takes all of them back.
 *
 * Thread-safety
 * -------------
 *
 * For each queue, one thread at a time may be in vhc_port_rx() and one in
 * vhc_port_tx().  vhc_port_open(), _run(), _quiesced() and _close() are the
 * control thread's, or serialized with it.  The statistics: any thread.
 *
 * The data path takes no lock, allocates nothing but a buffer to copy into,
 * does no atomic read-modify-write and no system call but to wake an NF that
 * sleeps.
 *
 * Errors
 * ------
 *
 * As in vhc/pool.h.  An NF that breaks the protocol is detached, with the
 * reason in vhc_port_get_info(); a bad descriptor is dropped and counted. */

#include <stdbool.h>
#include <stdint.h>

#include "vhc/abi.h"
#include "vhc/drops.h"

struct rte_mbuf;
struct vhc_pool;
struct vhc_port;

#define VHC_MAX_BURST 32

struct vhc_port_config {
    const char *name;           /* The switch's name for the port. */
    const char *file;           /* Of the ring file, within the pool's link
                                 * directory; NULL: ovs-chain.POOL.PORT. */
    uint32_t n_queues;          /* 1 to VHC_MAX_QUEUES. */
    uint32_t ring_size;         /* Entries, a power of two. */
    uint32_t credits;           /* Buffers that the NF may hold; 0: twice
                                 * 'ring_size', or less of a small pool. */
    uint32_t max_len;           /* Bytes of the longest frame. */
    uint32_t stall_ms;          /* An NF that takes no packet for so long
                                 * while there are some is stalled; 0: none
                                 * ever is. */
    enum vhc_access access;

    /* Copies 'n' packets that came in on this port, at most VHC_MAX_BURST, to
     * the guest's own kernel and returns how many it could.  They stay the
     * caller's.  May be NULL: there is no such kernel.  Called by
     * vhc_port_rx() of this port or of its peer; vhc_port_close() waits for
     * it. */
    unsigned (*local)(void *aux, struct rte_mbuf **mbufs, unsigned n);
    void *aux;
};

#define VHC_PORT_CONFIG_INITIALIZER { .n_queues = 1, .ring_size = 1024 }

int vhc_port_open(struct vhc_pool *pool, const struct vhc_port_config *config,
                  struct vhc_port **portp, char **errp);

/* Detaches the NF, takes back what it holds and frees 'port', unless it is
 * NULL.  No thread may be in its data path.  If the NF has another port, that
 * one detaches next and what the NF holds comes back then.  The file stays for
 * the next port of this name unless 'remove'. */
void vhc_port_close(struct vhc_port *port, bool remove);

/* Frees 'port', unless it is NULL, and leaves the NF attached, with its
 * buffers, for the switch that opens the port next: when this one is about to
 * exit.  No thread may be in the data path of 'port', and the pool must be
 * destroyed, if at all, without its files. */
void vhc_port_abandon(struct vhc_port *port);

enum vhc_port_event {
    VHC_PORT_SAME,              /* Nothing happened. */
    VHC_PORT_ATTACHED,          /* An NF is attached. */
    VHC_PORT_REFUSED,           /* One was refused; vhc_port_get_info(). */
    VHC_PORT_LINKING,           /* One attaches that has another port too. */
    VHC_PORT_DETACHING,         /* The NF leaves or must go. */
    VHC_PORT_DETACHED,          /* It is gone, its buffers are back. */
    VHC_PORT_STALLED,           /* It does not take its packets... */
    VHC_PORT_DRAINS             /* ...and does again. */
};

/* Looks at what the NF asks for and whether it still lives. */
enum vhc_port_event vhc_port_run(struct vhc_port *port);

/* Finishes what VHC_PORT_LINKING or VHC_PORT_DETACHING began; must not be
 * called otherwise, nor vhc_port_run() in between.  No thread may be in the
 * data path of any port of the pool that was in it when vhc_port_run()
 * returned. */
enum vhc_port_event vhc_port_quiesced(struct vhc_port *port);

/* What is known of the VM that an NF may be in, from its vhost-user device. */
enum vhc_vm {
    VHC_VM_UNKNOWN,             /* There may be none. */
    VHC_VM_GONE,                /* The connection has ended. */
    VHC_VM_RUNS,                /* Its driver uses the device. */
    VHC_VM_STOPPED              /* It does not: paused, reset, shut down, or
                                 * the driver is being loaded. */
};

/* Tells what became of the VM at the other end of 'port', each time that it
 * changes.  An NF that is no process that holds a lock is detached when its VM
 * goes, and when it does not move for VHC_VM_PATIENCE_MS since the VM stopped.
 * One that a frame wakes is also detached when it does not move for
 * VHC_NF_PATIENCE_MS.  Any thread. */
void vhc_port_set_vm(struct vhc_port *port, enum vhc_vm vm);
#define VHC_VM_PATIENCE_MS 1000
#define VHC_NF_PATIENCE_MS 3000

/* Returns true while an NF is attached.  A thread that has seen true may use
 * the data path until it next lets vhc_port_quiesced() proceed. */
bool vhc_port_is_attached(const struct vhc_port *port);

/* Returns true while an NF is attached that is stalled.  Any thread. */
bool vhc_port_is_stalled(const struct vhc_port *port);

/* From now on the port takes frames up to 'max_len' bytes, which must be at
 * most the buffer size of the pool.  An NF that is attached is not told again:
 * it reads 'max_len' when it attaches. */
void vhc_port_set_max_len(struct vhc_port *port, uint32_t max_len);

/* Receives up to 'n' packets, at most VHC_MAX_BURST, that the NF sent on
 * 'queue'.  Stores their mbufs in 'mbufs' and returns how many.  Those that
 * are for the guest's own kernel go to the 'local' of struct vhc_port_config
 * instead.  Each is one
 * segment with VHC_HEADROOM bytes or more before its data, and has its mark
 * where the pool's 'mark_offset' says.  Returns 0 when nobody is attached. */
unsigned vhc_port_rx(struct vhc_port *port, unsigned queue,
                     struct rte_mbuf **mbufs, unsigned n);

/* Sends 'n' packets, at most VHC_MAX_BURST, to the NF on 'queue'.  An mbuf of
 * the port's own pool, in one segment and not shared, goes by reference; any
 * other is copied into a buffer of the pool.  Each, of whatever mempool, has
 * its mark where the pool's 'mark_offset' says.  Returns how many were sent;
 * the others are dropped and counted. */
unsigned vhc_port_tx(struct vhc_port *port, unsigned queue,
                     struct rte_mbuf **mbufs, unsigned n);

/* Returns true, once each time, if the NF to which vhc_port_tx() has just sent
 * on 'queue' sleeps in a guest: the caller sends that a frame with
 * vhc_port_token() to wake it.  In the thread that is in vhc_port_tx(). */
bool vhc_port_wants_frame(struct vhc_port *port, unsigned queue);

/* Tells whether that frame was 'sent'.  If not, vhc_port_wants_frame() will
 * want it again when there are more packets.  Any thread. */
void vhc_port_frame_done(struct vhc_port *port, unsigned queue, bool sent);

/* Returns the token of the attachment.  Any thread. */
uint64_t vhc_port_token(const struct vhc_port *port);

/* From the switch's point of view: rx comes from the NF. */
struct vhc_port_stats {
    uint64_t rx_packets;
    uint64_t rx_bytes;
    uint64_t rx_moved;          /* Packets moved in their buffer, because the
                                 * NF left too little room around them, or put
                                 * them at an odd offset. */
    uint64_t rx_local;          /* Handed to the guest's own kernel; not in
                                 * 'rx_packets'. */
    uint64_t tx_packets;        /* By reference and copied. */
    uint64_t tx_bytes;
    uint64_t tx_by_reference;
    uint64_t tx_copied;         /* Packets copied into the pool. */
    uint64_t tx_copied_bytes;
    uint64_t tx_wakeups;        /* Times a sleeping NF was woken. */
    uint64_t drops[VHC_N_DROPS];
};
void vhc_port_get_stats(const struct vhc_port *port,
                        struct vhc_port_stats *stats);

/* Packets that came to the port from one source. */
struct vhc_hop {
    const char *from;           /* A port of the pool, "nic", "outside", or
                                 * "(deleted)" for all ports that are gone.
                                 * Only good as long as that port is open. */
    uint64_t by_reference;
    uint64_t copied;
};

/* Stores the hops that end at 'port' and have seen packets in '*hops', which
 * the caller frees, one for each name, and returns how many; 0 and NULL if
 * memory is short. */
unsigned vhc_port_get_hops(const struct vhc_port *port,
                           struct vhc_hop **hops);

struct vhc_port_info {
    const char *name;           /* The strings live as long as the port. */
    const char *file;
    struct vhc_pool *pool;
    enum vhc_state state;
    enum vhc_reason reason;     /* Why it is refused or detached. */
    char nf[VHC_NAME_SIZE];     /* Printable; "" if nobody attached yet. */
    uint32_t pid;               /* As the NF says; 0: unknown. */
    uint32_t generation;
    enum vhc_access access;
    uint32_t n_queues;
    uint32_t credits;
    uint32_t owned;             /* Buffers in the NF's hands or rings. */
    bool stalled;               /* The NF does not take its packets. */
    uint64_t repairs;           /* Times that an NF had overwritten what the
                                 * switch says in the ring file. */
    const char *peer;           /* Name of the other port of the same NF, as
                                 * long as that is open; or NULL. */
};
void vhc_port_get_info(const struct vhc_port *port,
                       struct vhc_port_info *info);

/* Returns the name of 'state', and what 'reason' means, in words.  Static; not
 * to be freed. */
const char *vhc_state_name(enum vhc_state state);
const char *vhc_reason_text(enum vhc_reason reason);

#endif /* vhc/port.h */
