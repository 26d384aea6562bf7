/* SPDX-License-Identifier: Apache-2.0 */

/*     perf-nf-dpdk QUEUES EAL_OPTION...
 *
 * All ethdevs that the options of DPDK's EAL make become ports, in their
 * order, with that many pairs of queues, of which the last is used. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ports.h"

#define RING_SIZE 1024
#define CACHE 250

static struct rte_mempool *pool;
unsigned ports_queue;

static void
check(int error, const char *what)
{
    if (error < 0) {
        fprintf(stderr, "perf-nf: %s: %s\n", what, rte_strerror(-error));
        exit(1);
    }
}

/* As dpdk-testpmd sets up a port. */
static void
open_port(uint16_t port)
{
    static const struct rte_eth_conf conf;
    struct rte_eth_txconf txconf;
    struct rte_eth_dev_info info;

    check(rte_eth_dev_info_get(port, &info), "info of a port");
    txconf = info.default_txconf;
    check(rte_eth_dev_configure(port, ports_queue + 1, ports_queue + 1,
                                &conf), "configure a port");
    for (unsigned q = 0; q <= ports_queue; q++) {
        check(rte_eth_rx_queue_setup(port, q, RING_SIZE, SOCKET_ID_ANY, NULL,
                                     pool), "set up a receive queue");
        check(rte_eth_tx_queue_setup(port, q, RING_SIZE, SOCKET_ID_ANY,
                                     &txconf), "set up a transmit queue");
    }
    check(rte_eth_dev_start(port), "start a port");
}

unsigned
ports_open(int argc, char *argv[])
{
    unsigned n_ports, n_mbufs;
    uint16_t port;

    if (argc < 2 || atoi(argv[1]) < 1) {
        check(-EINVAL, "number of queues");
    }
    ports_queue = atoi(argv[1]) - 1;
    check(rte_eal_init(argc - 1, argv + 1), "start DPDK");
    n_ports = rte_eth_dev_count_avail();
    n_mbufs = (n_ports * (ports_queue + 1) + 1) * 2 * RING_SIZE;
    pool = rte_pktmbuf_pool_create("perf", n_mbufs, CACHE, 0,
                                   RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    check(pool ? 0 : -rte_errno, "make a mempool");
    RTE_ETH_FOREACH_DEV (port) {
        open_port(port);
    }
    return n_ports;
}

void
ports_close(void)
{
    uint16_t port;

    RTE_ETH_FOREACH_DEV (port) {
        rte_eth_dev_stop(port);
        rte_eth_dev_close(port);
    }
    rte_eal_cleanup();
}

void
ports_alloc(unsigned port, frame *frames, unsigned n, unsigned len)
{
    (void) port;
    check(rte_pktmbuf_alloc_bulk(pool, frames, n), "allocate mbufs");
    for (unsigned i = 0; i < n; i++) {
        rte_pktmbuf_append(frames[i], len);
    }
}
