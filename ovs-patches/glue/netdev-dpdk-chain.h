/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETDEV_DPDK_CHAIN_H
#define NETDEV_DPDK_CHAIN_H 1

/* The reference lane of netdev-dpdk's ports: glue to libvhost-chain.
 *
 * netdev-dpdk.c calls these functions at the places where a port with
 * options:chain-pool differs from one without; everything else that such a
 * port does is in libvhost-chain.  Without HAVE_VHOST_CHAIN they all vanish,
 * and such a port is refused.
 *
 * A 'struct netdev_chain' belongs to one netdev.  For a vhost-user port it
 * holds a pool and a reference lane, for a physical port a pool only.
 *
 *     set_config   netdev_chain_set_config()   closes the old, opens the new
 *     reconfigure  netdev_chain_get_pool()     mbufs to receive into
 *     destruct     netdev_chain_close()
 *
 * A daemon that exits leaves NFs attached, with their buffers, to the next
 * one: netdev_chain_exit().
 *
 * Thread-safety
 * -------------
 *
 * Configuration happens in the main thread.  A pointer to a netdev_chain is
 * protected by RCU: the data path may use it until it quiesces.  Of a lane,
 * one thread at a time may receive on a queue and one may send. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"
#include "netdev.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "smap.h"
#include "util.h"

struct netdev_chain;
struct netdev_chain_pool;
struct rte_mbuf;
struct rte_mempool;

/* A netdev's pointer to its chain, NULL without options:chain-pool, and what
 * is known of the VM at its other end. */
struct netdev_chain_ptr {
    OVSRCU_TYPE(struct netdev_chain *) p;
    atomic_uint32_t vm;         /* NETDEV_CHAIN_VM_*, of which GONE counts. */
};

/* A word for a VM: its state, and above it how many have gone. */
enum {
    NETDEV_CHAIN_VM_UNKNOWN,
    NETDEV_CHAIN_VM_RUNS,       /* Its driver uses the device. */
    NETDEV_CHAIN_VM_STOPPED,    /* It does not, or not any more. */
    NETDEV_CHAIN_VM_STATES = 3, /* Mask. */
    NETDEV_CHAIN_VM_GONE = 4    /* One VM. */
};

static inline void
netdev_chain_ptr_init(struct netdev_chain_ptr *ptr)
{
    ovsrcu_init(&ptr->p, NULL);
    atomic_init(&ptr->vm, NETDEV_CHAIN_VM_UNKNOWN);
}

/* Tells about the VM: whether it is connected, and whether its driver uses the
 * device.  The chain, if there is one, looks at it soon: no lock is taken
 * here, because every VM waits for the one thread that calls this. */
static inline void
netdev_chain_ptr_set_vm(struct netdev_chain_ptr *ptr, bool connected,
                        bool runs)
{
    uint32_t vm;

    atomic_read_relaxed(&ptr->vm, &vm);
    vm &= ~NETDEV_CHAIN_VM_STATES;
    if (!connected) {
        vm += NETDEV_CHAIN_VM_GONE;
    } else {
        vm |= runs ? NETDEV_CHAIN_VM_RUNS : NETDEV_CHAIN_VM_STOPPED;
    }
    atomic_store_relaxed(&ptr->vm, vm);
}

static inline struct netdev_chain *
netdev_chain_ptr_get(const struct netdev_chain_ptr *ptr)
{
    return ovsrcu_get(struct netdev_chain *, &ptr->p);
}

/* Copies 'n' packets, which the caller keeps, to the kernel of the guest at
 * the other end of 'netdev'.  Returns how many it took.  Must be called
 * without the locks of the port's transmit queues. */
typedef int netdev_chain_to_guest(struct netdev *netdev,
                                  struct rte_mbuf **pkts, int n);

#ifdef HAVE_VHOST_CHAIN

/* Creates, changes and removes pools as other_config:chain-pool-* says.  One
 * that could not be created is tried again if 'retry' is true.  From the start
 * until other_config:flow-restore-wait is not true, nothing is taken from NFs.
 *
 * Pools are made and removed in the main thread only, as ports of DPDK are. */
void netdev_chain_configure(const struct smap *other_config, bool retry);

/* Returns true if netdev_chain_configure(), and ports after it, have something
 * to do although the configuration is what it was: a pool whose last buffers
 * were under way can be removed.  Returns true once, and wakes the main thread
 * for it. */
bool netdev_chain_run(void);

/* Makes the chain of 'netdev', '*ptr', what the options say.  'to_guest' is
 * for a port whose other end is an NF, NULL for a NIC.  'max_len' is the
 * length, in bytes, of the port's longest frame.  '*changed' is set to true if
 * the netdev must be reconfigured.
 *
 * Returns 0, or a positive errno value and a message in '*errp', if 'errp' is
 * nonnull, which the caller frees; the netdev then has no chain, or, if an
 * option makes no sense, the one that it had. */
int netdev_chain_set_config(struct netdev *netdev, const struct smap *options,
                            netdev_chain_to_guest *to_guest, int max_len,
                            struct netdev_chain_ptr *ptr,
                            bool *changed, char **errp);

/* Closes 'chain', unless it is NULL.  No thread may use it any more. */
void netdev_chain_close(struct netdev_chain *chain);

/* The daemon exits: nothing more is taken from NFs, and what is closed from
 * now on is not closed to them: the next daemon finds them attached.  Waits
 * for RCU. */
void netdev_chain_exit(void);

/* Returns 0 if frames of 'max_len' bytes fit the buffers of the pool of
 * 'chain', which may be NULL, otherwise logs the problem and returns EINVAL.
 * On success the lane takes frames up to that length. */
int netdev_chain_set_max_len(struct netdev_chain *chain, int max_len);

/* Takes a reference to the pool of 'chain'; NULL if 'chain' is NULL. */
struct netdev_chain_pool *netdev_chain_get_pool(struct netdev_chain *chain);
void netdev_chain_pool_unref(struct netdev_chain_pool *pool);
struct rte_mempool *netdev_chain_pool_mempool(
    const struct netdev_chain_pool *pool);

/* Maps all pools for DMA by DPDK port 'port_id', because it may send packets
 * that lie in any of them. */
void netdev_chain_dma_map(uint16_t port_id);

/* Returns the number of queue pairs of the lane, 0 if there is none. */
int netdev_chain_n_queues(const struct netdev_chain *chain);

/* Returns true if packets to 'chain', which may be NULL, go to an NF. */
bool netdev_chain_is_attached(const struct netdev_chain *chain);

/* Returns true if packets to 'chain', which may be NULL, may go to an NF only,
 * and not through the virtqueues. */
bool netdev_chain_requires_nf(const struct netdev_chain *chain);

/* Receives from the NF into 'batch', which is empty, and returns how many
 * packets.  If 'others' says that the port receives otherwise as well, returns
 * 0 now and then although there are packets. */
int netdev_chain_recv(struct netdev_chain *chain, int qid, bool others,
                      struct dp_packet_batch *batch);

/* Sends 'n' mbufs to the NF, takes ownership of all, and returns how many
 * were sent.  Sets '*wake' to true if the caller must then, without any lock,
 * call netdev_chain_wake(). */
int netdev_chain_send(struct netdev_chain *chain, int qid,
                      struct rte_mbuf **pkts, int n, bool *wake);
void netdev_chain_wake(struct netdev_chain *chain, int qid);

/* Counts 'n' packets that a port with 'chain', which may be NULL, has sent
 * through its virtqueues. */
void netdev_chain_copy_sent(struct netdev_chain *chain, int n);

/* Counts the 'n' packets at 'pkts' that such a port has received from its
 * virtqueues, frees those that are for nobody but an NF, and returns how many
 * are left. */
int netdev_chain_copy_received(struct netdev_chain *chain,
                               struct rte_mbuf **pkts, int n);


/* Returns the link state that 'chain' makes of 'vhost', the link state of the
 * copy lane. */
bool netdev_chain_carrier(const struct netdev_chain *chain, bool vhost);

/* Adds the lane's packets to 'stats'.  'error' is what the copy lane returned
 * for its own; if it had none, 'stats' starts with the port's drops in
 * 'sw_stats'. */
int netdev_chain_get_stats(const struct netdev_chain *chain, int error,
                           const struct netdev_stats *sw_stats,
                           struct netdev_stats *stats);
void netdev_chain_get_custom_stats(const struct netdev_chain *chain,
                                   struct netdev_custom_stats *stats);
void netdev_chain_get_status(const struct netdev_chain *chain,
                             struct smap *args);

#else /* !HAVE_VHOST_CHAIN */

static inline void
netdev_chain_configure(const struct smap *other_config OVS_UNUSED,
                       bool retry OVS_UNUSED)
{
}

static inline bool
netdev_chain_run(void)
{
    return false;
}

static inline int
netdev_chain_set_config(struct netdev *netdev, const struct smap *options,
                        netdev_chain_to_guest *to_guest OVS_UNUSED,
                        int max_len OVS_UNUSED,
                        struct netdev_chain_ptr *ptr OVS_UNUSED,
                        bool *changed OVS_UNUSED, char **errp)
{
    if (smap_get(options, "chain-pool")) {
        if (errp) {
            *errp = xasprintf("%s: options:chain-pool: this ovs-vswitchd was "
                              "built without libvhost-chain",
                              netdev_get_name(netdev));
        }
        return EOPNOTSUPP;
    }
    return 0;
}

static inline void
netdev_chain_close(struct netdev_chain *chain OVS_UNUSED)
{
}

static inline void
netdev_chain_exit(void)
{
}

static inline int
netdev_chain_set_max_len(struct netdev_chain *chain OVS_UNUSED,
                         int max_len OVS_UNUSED)
{
    return 0;
}

static inline struct netdev_chain_pool *
netdev_chain_get_pool(struct netdev_chain *chain OVS_UNUSED)
{
    return NULL;
}

static inline void
netdev_chain_pool_unref(struct netdev_chain_pool *pool OVS_UNUSED)
{
}

static inline struct rte_mempool *
netdev_chain_pool_mempool(const struct netdev_chain_pool *pool OVS_UNUSED)
{
    return NULL;
}

static inline void
netdev_chain_dma_map(uint16_t port_id OVS_UNUSED)
{
}

static inline int
netdev_chain_n_queues(const struct netdev_chain *chain OVS_UNUSED)
{
    return 0;
}

static inline bool
netdev_chain_is_attached(const struct netdev_chain *chain OVS_UNUSED)
{
    return false;
}

static inline bool
netdev_chain_requires_nf(const struct netdev_chain *chain OVS_UNUSED)
{
    return false;
}

static inline int
netdev_chain_recv(struct netdev_chain *chain OVS_UNUSED, int qid OVS_UNUSED,
                  bool others OVS_UNUSED,
                  struct dp_packet_batch *batch OVS_UNUSED)
{
    return 0;
}

static inline int
netdev_chain_send(struct netdev_chain *chain OVS_UNUSED, int qid OVS_UNUSED,
                  struct rte_mbuf **pkts OVS_UNUSED, int n OVS_UNUSED,
                  bool *wake OVS_UNUSED)
{
    return 0;
}

static inline void
netdev_chain_wake(struct netdev_chain *chain OVS_UNUSED, int qid OVS_UNUSED)
{
}

static inline void
netdev_chain_copy_sent(struct netdev_chain *chain OVS_UNUSED,
                       int n OVS_UNUSED)
{
}

static inline int
netdev_chain_copy_received(struct netdev_chain *chain OVS_UNUSED,
                           struct rte_mbuf **pkts OVS_UNUSED, int n)
{
    return n;
}

static inline bool
netdev_chain_carrier(const struct netdev_chain *chain OVS_UNUSED, bool vhost)
{
    return vhost;
}

static inline int
netdev_chain_get_stats(const struct netdev_chain *chain OVS_UNUSED, int error,
                       const struct netdev_stats *sw_stats OVS_UNUSED,
                       struct netdev_stats *stats OVS_UNUSED)
{
    return error;
}

static inline void
netdev_chain_get_custom_stats(const struct netdev_chain *chain OVS_UNUSED,
                              struct netdev_custom_stats *stats OVS_UNUSED)
{
}

static inline void
netdev_chain_get_status(const struct netdev_chain *chain OVS_UNUSED,
                        struct smap *args OVS_UNUSED)
{
}

#endif /* HAVE_VHOST_CHAIN */

#endif /* netdev-dpdk-chain.h */
