/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_H
#define HOST_H 1

/* A switch with a pool and a few ports, whose every call is checked: whatever
 * its NFs do, a buffer is in one place, and what a call does to buffers and
 * counters is what it says.
 *
 *     "nic": free buffers --+      +-> HOST_FW  -> a hostile NF --+
 *     outside mempool ------+----->+-> HOST_OUT -> a hostile NF --+
 *                           |      +-> HOST_OK  -> an honest NF --+
 *                           |                                     |
 *                           +--- host.hand: packets in the switch <
 *
 * The pool has 256 buffer ids, so that one byte names any: 7 buffers a page of
 * 8 ids, and none in the first two pages.
 *
 * The verbs are those of vhc/port.h.  host_run() and host_quiesce() keep the
 * order that vhc/port.h asks for, and do nothing where a switch would not call
 * them.
 *
 * Thread-safety: none. */

#include <stdbool.h>

#include "pool-private.h"
#include "port-private.h"

enum { HOST_FW, HOST_OUT, HOST_OK, HOST_N_PORTS };

#define HOST_N_IDS 256
#define HOST_STRIDE 16576       /* Bytes of a buffer. */
#define HOST_MAX_LEN 1518       /* Bytes. */
#define HOST_RING_FILE_SIZE (1 << 20) /* Bytes. */
#define HOST_MAX_HAND 40        /* Packets. */

struct host_port {
    struct vhc_port *port;      /* NULL: not open. */
    struct vhc_port_config config; /* For the next time. */
    bool waiting;               /* For host_quiesce(). */
    bool ran;                   /* Since some port waits. */
    bool truncated;             /* The ring file is shorter than it was. */
    unsigned n_local;           /* Packets for its guest's kernel, ever. */
    struct vhc_ctrl_host header; /* Of the ring file when it was opened. */
};

struct host {
    struct vhc_pool *pool;
    struct rte_mempool *outside;
    struct host_port ports[HOST_N_PORTS];
    struct rte_mbuf *hand[HOST_MAX_HAND]; /* In the switch, 'n_hand'. */
    unsigned n_hand;
    unsigned local_room;        /* Packets that a guest's kernel takes. */
};

extern struct host host;

/* Starts DPDK, once in the process, and makes a directory for files. */
void host_start(void);

/* Makes or finds the pool, with no port open.  Returns 0 or an errno value. */
int host_make_pool(void);

/* The switch ends without a word; all files stay as they are. */
void host_kill(void);

/* Returns what makes port 'k': one queue, 8 entries, 24 credits. */
struct vhc_port_config host_config(int k);

/* Opens port 'k', which is not open, as its 'config' says.  Returns 0 or an
 * errno value. */
int host_open(int k);
void host_close(int k, bool remove);

/* Closes the first 'n' ports, empties their files, and checks that all buffers
 * are back. */
void host_close_ports(int n);

/* Makes the pool as if it were new, except for the ports that are open. */
void host_renew(void);

enum vhc_port_event host_run(int k);

/* Finishes what waits. */
void host_quiesce(void);

/* Receives up to 'n' packets into 'host.hand', as many as fit.  Returns how
 * many. */
unsigned host_rx(int k, unsigned queue, unsigned n);

/* Sends the last 'n' packets of 'host.hand'.  Returns how many went. */
unsigned host_tx(int k, unsigned queue, unsigned n);

/* Takes 'm' into 'host.hand'. */
void host_take(struct rte_mbuf *m);

/* Frees the last 'n' packets of 'host.hand'. */
void host_drop(unsigned n);

/* Checks that each buffer is in one place, and that it is known which. */
void host_check(void);

/* Returns the path of the ring file of port 'k'. */
const char *host_ring_path(int k);

/* Returns how many queues port 'k' has, 0 if it is not open. */
unsigned host_n_queues(int k);

#endif /* host.h */
