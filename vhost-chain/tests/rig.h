/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RIG_H
#define RIG_H 1

/* A pool, a port of it, an NF on the port, and packets.
 *
 *     outside mempool --+
 *                       +--> rig_tx() --> port "fw" --> rig.nf --+
 *     pool "blue" ------+                     ^                  |
 *                            rig_rx() <-------+------------------+
 *
 * Setup and teardown of a cmocka test that needs a sandbox and more. */

#include <rte_mbuf.h>

#include "fake-nf.h"
#include "sandbox.h"
#include "vhc/port.h"

#define RIG_RING_SIZE 64        /* Entries. */
#define RIG_MAX_LEN 1518        /* Bytes. */

struct rig {
    struct vhc_pool *pool;
    struct vhc_port *port;
    struct fake_nf nf;
    struct rte_mempool *outside;
};

extern struct rig rig;

/* A pool and memory outside of it. */
int rig_setup(void **state);

/* Closes what is open, and checks that all buffers are back. */
int rig_teardown(void **state);

/* Returns what makes a port "fw" with one queue and 100 credits. */
struct vhc_port_config rig_config(void);

/* Opens a port, which must succeed. */
struct vhc_port *rig_open(const struct vhc_port_config *config);

/* Opens 'rig.port' and its NF, which attaches with 'features' and
 * 'fill_level'. */
void rig_attach(const struct vhc_port_config *config, uint32_t features,
                uint32_t fill_level);

/* Makes a packet of 'len' bytes, each 'fill', marked 'mark', from 'mp'. */
struct rte_mbuf *rig_packet(struct rte_mempool *mp, unsigned len, int fill,
                            uint32_t mark);

/* Makes one, with mark 0, in buffer 'id' of 'rig.pool', which must be free. */
struct rte_mbuf *rig_packet_in(uint32_t id, unsigned len, int fill);

/* Checks that 'm' is such a packet, and frees it. */
void rig_check_packet(struct rte_mbuf *m, unsigned len, int fill,
                      uint32_t mark);

/* Returns the mark of 'm'. */
uint32_t *rig_mark(struct rte_mbuf *m);

/* Gives the NF 'n' packets of 'len' bytes, by reference, which it takes from
 * its ring. */
void rig_give(struct vhc_desc *descs, unsigned n, unsigned len);

/* Sends or receives up to 32 packets on queue 0. */
unsigned rig_tx(struct rte_mbuf **mbufs, unsigned n);
unsigned rig_rx(struct rte_mbuf **mbufs);

/* Checks that the port owns 'owned' buffers and the switch has 'in_switch' in
 * hand. */
void rig_check_account(uint32_t owned, uint32_t in_switch);

/* Returns the statistics of 'rig.port', or one of its counters of drops. */
struct vhc_port_stats rig_stats(void);
uint64_t rig_drops(enum vhc_drop drop);

/* Checks that 'drop' counts 'n', and no other reason anything. */
void rig_check_drops(enum vhc_drop drop, uint64_t n);

#endif /* rig.h */
