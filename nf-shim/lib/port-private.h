/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_PORT_PRIVATE_H
#define NFI_PORT_PRIVATE_H 1

/* The inside of a port, shared by port.c (open and close), attach.c (the
 * handshake), burst.c (the fast path) and wait.c (sleeping).
 *
 * Thread-safety: as in nf/port.h. */

#include "mapping.h"
#include "nf/port.h"
#include "wake.h"
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
    bool polls;                 /* The switch does not wake this NF. */
    struct nf_port_stats stats;
    struct nfi_queue queues[VHC_MAX_QUEUES];

    /* Read at attach and detach only. */
    uint32_t request;           /* Number of this attachment's request. */
    uint64_t token;             /* Of this attachment, for the peer to name. */
    struct nf_port_info info;
    struct nfi_mapping map;
    struct nfi_wake wake;       /* In a guest. */

    uint32_t host_tick;         /* When last looked at. */
};

/* Attaches through the mapping '*map', which the port takes over and closes,
 * on failure too.  Otherwise as nf_port_open(). */
int nfi_port_attach(struct nfi_mapping *map,
                    const struct nf_port_options *options,
                    struct nf_port **portp, struct nf_error *err);

/* Asks the switch for an attachment, and takes what it grants.  Returns 0, or
 * a positive errno value: the request is to be taken back then. */
int nfi_port_request(struct nf_port *port,
                     const struct nf_port_options *options,
                     struct nf_error *err);

/* Maps 'ring' as nf_port_open() does.  Returns as that, without attaching. */
int nfi_port_map(struct nfi_mapping *map, const char *ring,
                 const struct nf_port_options *options, struct nf_error *err);

/* Returns why the switch refused or ended the attachment, in words. */
const char *nfi_reason_text(const struct nf_port *port);

/* Waits a little for the switch to take what was sent. */
void nfi_port_drain(struct nf_port *port);

/* Returns true if the switch did not move since the last call and the ring
 * or the pool was removed, so that no switch will ever answer through it. */
bool nfi_port_is_abandoned(struct nf_port *port);

/* Returns true if 'port' is in a guest and its ring is a PCI device. */
static inline bool
nfi_port_is_guest(const struct nf_port *port)
{
    return nfi_mapping_is_guest(&port->map);
}

/* Shows the switch that this NF polls.  A plain increment in a line of its
 * own; the atomic store only keeps it whole. */
static inline void
nfi_port_tick(struct nf_port *port)
{
    __atomic_store_n(&port->nf->tick, ++port->tick, __ATOMIC_RELAXED);
}

/* The same for an NF that waits for something: the switch lets go of ports in
 * a guest whose tick stands still.  It sees by other means whether a process
 * lives.  'port' may be NULL. */
static inline void
nfi_port_keep(struct nf_port *port)
{
    if (port && nfi_port_is_guest(port)) {
        nfi_port_tick(port);
    }
}

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
