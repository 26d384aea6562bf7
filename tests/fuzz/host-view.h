/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_VIEW_H
#define HOST_VIEW_H 1

/* Where the buffers are and what a port has counted, before a call and after.
 *
 * Thread-safety: none. */

#include "host.h"

struct host_view {
    uint16_t owner[HOST_N_IDS];
    uint32_t n_free;            /* Buffers in the pool. */
};

/* Counters of a queue of a port, and of the slot whose buffers come back
 * there. */
struct host_counts {
    struct vhc_port_stats stats; /* Of the port, 'rx_local' left out. */
    uint64_t drops_rx;          /* For all reasons from the NF... */
    uint64_t drops_tx;          /* ...and to it. */
    uint64_t fills;             /* Empty buffers gone out. */
    uint64_t back;              /* Buffers come back of the slot... */
    uint64_t local;             /* ...and of those, for its guest. */
    uint32_t consumed;          /* Entries of the tx ring. */
};

void host_look(struct host_view *view);

/* Counts for 'q' of 'port', of which 'slot' comes back there, or
 * VHC_OWNER_NOBODY. */
void host_count(const struct vhc_port *port, const struct vhc_queue *q,
                uint16_t slot, struct host_counts *counts);

/* Returns how many buffers 'slot' owns in 'view'. */
uint32_t host_owned(const struct host_view *view, uint16_t slot);

/* Checks that no buffer changed its owner since 'before', except from slot
 * 'taken' to the switch and from the switch to slot 'given'.  Either may be
 * VHC_OWNER_NOBODY. */
void host_check_moves(const struct host_view *before, uint16_t taken,
                      uint16_t given);

/* Checks that 'm', which came from an NF, is a packet that OVS can handle. */
void host_check_packet(const struct rte_mbuf *m, uint32_t max_len);

#endif /* host-view.h */
