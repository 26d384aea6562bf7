/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "packets.h"

/* A guest's own kernel, at the other end of the port's virtqueues: packets
 * that the NF hands to it, the frame that wakes the NF, and whether the guest
 * is there at all. */

static unsigned int
deliver_local(void *chain_, struct rte_mbuf **pkts, unsigned int n)
{
    struct netdev_chain *chain = chain_;
    int n_taken = chain->to_guest(chain->netdev, pkts, n);

    netdev_chain_copy_sent(chain, n_taken);
    return n_taken;
}

/* The frame that wakes an NF. */
struct wake_frame {
    struct eth_header eth;
    uint8_t zeros[2];
    atomic_uint64_t token;      /* Of the attachment. */
    char name[40];              /* Of the port, NUL-padded. */
};
BUILD_ASSERT_DECL(offsetof(struct wake_frame, token) == ETH_HEADER_LEN + 2);
BUILD_ASSERT_DECL(sizeof(struct wake_frame) >= ETH_TOTAL_MIN);

/* Returns a frame for port 'name', in an mbuf of no mempool, or NULL if memory
 * is short. */
static struct rte_mbuf *
make_wake_frame(const char *name)
{
    static const struct eth_addr dst = { { VHC_WAKE_ADDRESS } };
    struct wake_frame *frame;
    struct rte_mbuf *m = rte_zmalloc("chain_wake", sizeof *m + sizeof *frame,
                                     RTE_CACHE_LINE_SIZE);

    if (!m) {
        return NULL;
    }
    frame = (struct wake_frame *) (m + 1);
    frame->eth.eth_dst = dst;
    eth_addr_random(&frame->eth.eth_src);
    frame->eth.eth_type = htons(VHC_WAKE_ETHERTYPE);
    ovs_strlcpy(frame->name, name, sizeof frame->name);
    m->buf_addr = frame;
    m->buf_len = m->data_len = m->pkt_len = sizeof *frame;
    m->nb_segs = 1;
    rte_mbuf_refcnt_set(m, 1);
    return m;
}

void
netdev_chain_guest_init(struct netdev_chain *chain,
                        struct vhc_port_config *config)
{
    config->local = deliver_local;
    config->aux = chain;
    chain->copies = xzalloc_cacheline(sizeof *chain->copies);
    chain->wake_frame = make_wake_frame(config->name);
}

void
netdev_chain_guest_uninit(struct netdev_chain *chain)
{
    rte_free(chain->wake_frame);
    free_cacheline(chain->copies);
}

/* Several threads may do so at once: all of them write the same token. */
void
netdev_chain_wake(struct netdev_chain *chain, int qid)
{
    bool sent = false;

    if (chain->wake_frame) {
        struct wake_frame *frame = chain->wake_frame->buf_addr;

        atomic_store_relaxed(&frame->token, vhc_port_token(chain->port));
        sent = chain->to_guest(chain->netdev, &chain->wake_frame, 1) == 1;
    }
    vhc_port_frame_done(chain->port, qid, sent);
}

static void
count(atomic_ullong *counter, int n)
{
    unsigned long long int orig;

    if (n) {
        atomic_add_relaxed(counter, n, &orig);
    }
}

void
netdev_chain_copy_sent(struct netdev_chain *chain, int n)
{
    if (chain && chain->copies) {
        count(&chain->copies->tx, n);
    }
}

static bool
is_wake_frame(const struct rte_mbuf *m)
{
    const struct eth_header *eth = rte_pktmbuf_mtod(m, struct eth_header *);

    return m->data_len >= sizeof *eth
           && eth->eth_type == htons(VHC_WAKE_ETHERTYPE);
}

int
netdev_chain_copy_received(struct netdev_chain *chain, struct rte_mbuf **pkts,
                           int n)
{
    int n_left = 0;

    if (!chain || !chain->copies || !n) {
        return n;
    }
    for (int i = 0; i < n; i++) {
        if (OVS_UNLIKELY(is_wake_frame(pkts[i]))) {
            rte_pktmbuf_free(pkts[i]);
        } else {
            pkts[n_left++] = pkts[i];
        }
    }
    count(&chain->copies->rx, n_left);
    count(&chain->copies->rx_dropped, n - n_left);
    return n_left;
}

void
netdev_chain_guest_run(struct netdev_chain *chain)
{
    uint32_t vm;

    atomic_read_relaxed(&CONST_CAST(struct netdev_chain_ptr *,
                                    chain->ptr)->vm, &vm);
    if (vm == chain->vm_seen) {
        return;
    }
    if ((vm ^ chain->vm_seen) & ~NETDEV_CHAIN_VM_STATES) {
        vhc_port_set_vm(chain->port, VHC_VM_GONE);
    }
    chain->vm_seen = vm;
    vm &= NETDEV_CHAIN_VM_STATES;
    if (vm != NETDEV_CHAIN_VM_UNKNOWN) {
        vhc_port_set_vm(chain->port, (vm == NETDEV_CHAIN_VM_RUNS ? VHC_VM_RUNS
                                      : VHC_VM_STOPPED));
    }
}

#endif /* HAVE_VHOST_CHAIN */
