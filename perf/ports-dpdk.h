/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_PORTS_DPDK_H
#define PERF_PORTS_DPDK_H 1

/* Ports that are ethdevs: see ports.h. */

#include <rte_ethdev.h>
#include <rte_mbuf.h>

typedef struct rte_mbuf *frame;

extern unsigned ports_queue;    /* Of all ports. */

static inline unsigned
ports_receive(unsigned port, frame *frames, unsigned n)
{
    return rte_eth_rx_burst(port, ports_queue, frames, n);
}

static inline unsigned
ports_send(unsigned port, frame *frames, unsigned n)
{
    return rte_eth_tx_burst(port, ports_queue, frames, n);
}

static inline bool
ports_alive(unsigned port)
{
    struct rte_eth_link link;

    return !rte_eth_link_get_nowait(port, &link)
           && link.link_status == RTE_ETH_LINK_UP;
}

static inline void
ports_drop(unsigned port, frame *frames, unsigned n)
{
    (void) port;
    rte_pktmbuf_free_bulk(frames, n);
}

static inline uint8_t *
frame_data(frame *f)
{
    return rte_pktmbuf_mtod(*f, uint8_t *);
}

static inline unsigned
frame_len(frame *f)
{
    return (*f)->pkt_len;
}

#endif /* ports-dpdk.h */
