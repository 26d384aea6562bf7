/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETDEV_DPDK_CHAIN_PRIVATE_H
#define NETDEV_DPDK_CHAIN_PRIVATE_H 1

/* What the files of the glue share: netdev-dpdk-chain.c has the ports,
 * netdev-dpdk-chain-config.c the syntax of a pool's settings,
 * netdev-dpdk-chain-control.c the thread that attaches and detaches NFs,
 * netdev-dpdk-chain-guest.c what concerns a guest and its own kernel,
 * netdev-dpdk-chain-pool.c the pools, netdev-dpdk-chain-report.c what a port
 * reports of itself, netdev-dpdk-chain-show.c shows all. */

#include "netdev-dpdk-chain.h"

#include "openvswitch/list.h"
#include "openvswitch/token-bucket.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "vhc/pool.h"
#include "vhc/port.h"

/* Protects the lists of pools and chains and whatever they hold that the data
 * path does not read.  Held for no longer than a look at each: no thread waits
 * for RCU while it holds it. */
extern struct ovs_mutex netdev_chain_mutex;

/* A pool as configured, whether it could be made or not. */
struct netdev_chain_pool {
    struct ovs_list list_node OVS_GUARDED_BY(netdev_chain_mutex);
    char *name;
    char *config;               /* Value of other_config:chain-pool-NAME. */
    char *link_dir;             /* Value of other_config:chain-dir. */
    struct vhc_pool *vhc;       /* NULL if it could not be made. */
    char *error;                /* Why not.  The main thread's. */
    long long int settle_time;  /* When to wait no more for the ports that the
                                 * last daemon had; LLONG_MAX: settled. */
    bool defunct;               /* To be removed when nobody uses it. */
    int n_refs OVS_GUARDED_BY(netdev_chain_mutex);
};

/* An NF may change its port at each look of the control thread, and the main
 * thread looks at all ports and writes to the database when it is told of a
 * change.  After some at once, it is told of a port once in so many ms. */
#define NETDEV_CHAIN_CHANGE_MS 100
#define NETDEV_CHAIN_CHANGES_AT_ONCE 10

/* What an Interface's options say. */
struct netdev_chain_config {
    char *pool;
    char *ring;                 /* File name, or NULL for the default. */
    uint32_t n_queues;
    uint32_t credits;           /* 0: the default. */
    uint32_t stall_ms;          /* 0: never. */
    enum vhc_access access;
    bool require;
};

/* Packets through the virtqueues, on a cache line of their own. */
struct netdev_chain_copies {
    atomic_ullong rx;
    atomic_ullong rx_dropped;   /* Frames for NFs, that a guest sent. */
    atomic_ullong tx;
};

struct netdev_chain {
    struct vhc_port *port;      /* NULL for a NIC. */
    bool require;               /* The link needs an NF. */
    uint8_t turn[VHC_MAX_QUEUES]; /* Polls in a row that found packets. */

    /* The copy lane. */
    netdev_chain_to_guest *to_guest; /* NULL for a NIC. */
    struct rte_mbuf *wake_frame; /* In no mempool.  NULL if out of memory. */
    struct netdev_chain_copies *copies; /* NULL for a NIC. */

    struct ovs_list list_node OVS_GUARDED_BY(netdev_chain_mutex);
    struct netdev *netdev;
    const struct netdev_chain_ptr *ptr; /* The netdev's pointer to this. */
    uint32_t vm_seen OVS_GUARDED_BY(netdev_chain_mutex); /* Of 'ptr'. */
    struct netdev_chain_pool *pool;
    struct netdev_chain_config config;
    bool waiting OVS_GUARDED_BY(netdev_chain_mutex); /* For RCU. */
    bool changed OVS_GUARDED_BY(netdev_chain_mutex); /* And not announced. */
    struct token_bucket changes OVS_GUARDED_BY(netdev_chain_mutex);
};

extern struct ovs_list netdev_chain_pools OVS_GUARDED_BY(netdev_chain_mutex);
extern struct ovs_list netdev_chains OVS_GUARDED_BY(netdev_chain_mutex);

/* Lets the data path take packets from NFs, or not yet, as other_config says.
 */
void netdev_chain_wait_for_flows(const struct smap *other_config);

/* Parses 's', the settings of a pool, which it changes and 'config' refers to
 * then.  Returns NULL, or a message, which the caller frees. */
char *netdev_chain_parse_pool(char *s, struct vhc_pool_config *config);

/* Returns the group among 's', the settings of a pool, or NULL, and stores the
 * others in '*rest'.  The caller frees both. */
char *netdev_chain_split_group(const char *s, char **rest);

/* Looks up pool 'name' and takes a reference to it.  Returns NULL and a
 * message in '*errp' if there is none that can be used. */
struct netdev_chain_pool *netdev_chain_pool_ref(const char *name,
                                                char **errp);

/* Wakes the main thread if a pool that is not wanted any more can be removed,
 * because its last buffers have come back. */
void netdev_chain_pools_sweep(void) OVS_REQUIRES(netdev_chain_mutex);

/* Puts right what NFs have overwritten, and takes back what they hold of ports
 * that have not come back in time since the daemon started. */
void netdev_chain_pools_run(void) OVS_REQUIRES(netdev_chain_mutex);

/* Leaves all pools to the next daemon, as they are. */
void netdev_chain_pools_leave(void) OVS_REQUIRES(netdev_chain_mutex);

/* Prepares and ends what 'chain' has for a guest. */
void netdev_chain_guest_init(struct netdev_chain *chain,
                             struct vhc_port_config *config);
void netdev_chain_guest_uninit(struct netdev_chain *chain);

/* Tells the port of 'chain' what has become of its VM. */
void netdev_chain_guest_run(struct netdev_chain *chain)
    OVS_REQUIRES(netdev_chain_mutex);

/* Starts the control thread, once. */
void netdev_chain_start_control(void);

/* Registers "chain/show" and "chain/show-json". */
void netdev_chain_show_init(void);

#endif /* netdev-dpdk-chain-private.h */
