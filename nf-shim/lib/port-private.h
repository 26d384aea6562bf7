/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_PORT_PRIVATE_H
#define NFI_PORT_PRIVATE_H 1

/* The inside of a port, shared by port.c (attach and detach), burst.c (the
 * fast path) and wait.c (sleeping).
 *
 * Thread-safety: as in nf/port.h. */

#include "mapping.h"
#include "nf/port.h"
#include "vhc/ring.h"

/* One side's views of a queue pair's rings. */
struct nfi_queue {
    struct vhc_cons rx;
    struct vhc_prod tx;
    struct vhc_cons fill;
};

struct nf_port {
    /* Read for each burst. */
    const struct vhc_ctrl_host *host; /* Shared. */
    struct vhc_ctrl_nf *nf;     /* Shared. */
    uint8_t *pool;              /* Shared. */
    struct nfi_pool_layout layout;
    uint32_t generation;        /* Of this attachment. */
    uint32_t room;              /* For each packet's 'room'. */
    uint32_t n_queues;
    uint32_t tick;              /* Last written to 'nf'. */
    uint32_t wait_number;       /* Last written to need_wakeup, or 0. */
    struct nf_port_stats stats;
    struct nfi_queue queues[VHC_MAX_QUEUES];

    /* Read at attach and detach only. */
    uint32_t request;           /* Number of this attachment's request. */
    uint64_t token;             /* Of this attachment, for the peer to name. */
    struct nf_port_info info;
    struct nfi_mapping map;

    uint32_t host_tick;         /* When last looked at. */
};

/* Attaches through the mapping '*map', which the port takes over and closes,
 * on failure too.  Otherwise as nf_port_open(). */
int nfi_port_attach(struct nfi_mapping *map,
                    const struct nf_port_options *options,
                    struct nf_port **portp, struct nf_error *err);

/* Waits a little for the switch to take what was sent. */
void nfi_port_drain(const struct nf_port *port);

/* Returns true if the switch did not move since the last call and the ring
 * file was removed, so that no switch will ever answer through it. */
bool nfi_port_is_abandoned(struct nf_port *port);

/* Returns true while the attachment lasts. */
static inline bool
nfi_port_is_attached(const struct nf_port *port)
{
    const struct vhc_ctrl_host *host = port->host;

    return (__atomic_load_n(&host->state, __ATOMIC_RELAXED) == VHC_ATTACHED
            && (__atomic_load_n(&host->generation, __ATOMIC_RELAXED)
                == port->generation));
}

#endif /* port-private.h */
