/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_MODEL_H
#define HOST_MODEL_H 1

/* What a call of vhc_port_rx() has to make of what is in the ring, said once
 * more, by vhost-chain(7) and not by check.h.
 *
 * Only if the NF writes nothing meanwhile, and gets no empty buffers in the
 * same call.
 *
 * Thread-safety: none. */

#include "host-view.h"

#define HOST_SAMPLE 16          /* Bytes of a packet at either end. */

struct host_expected {
    struct vhc_desc desc;
    enum vhc_drop drop;         /* Why it is dropped, or VHC_NO_DROP. */
    uint8_t head[HOST_SAMPLE], tail[HOST_SAMPLE];
};

struct host_model {
    bool valid;                 /* The rest means something. */
    bool corrupt;               /* The NF's index cannot be. */
    unsigned n;
    struct host_expected entries[VHC_MAX_BURST];
};

/* Looks at the next 'n' entries of the tx ring of 'q', where the buffers of
 * 'slot' come back. */
void host_model_init(struct host_model *model, const struct vhc_port *port,
                     const struct vhc_queue *q, uint16_t slot, unsigned n);

/* Checks that the first 'n' of them became 'mbufs', 'n_mbufs' of them, and
 * were counted between 'was' and 'is'. */
void host_model_check(const struct host_model *model, unsigned n,
                      struct rte_mbuf *const mbufs[], unsigned n_mbufs,
                      const struct host_counts *was,
                      const struct host_counts *is);

#endif /* host-model.h */
