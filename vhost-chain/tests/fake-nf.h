/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_NF_H
#define FAKE_NF_H 1

/* The NF's side of one port, written with nothing but the shared ABI, so that
 * it can break each rule of it.
 *
 * Usage
 * -----
 *
 *     fake_nf_open(&nf, ring_path, pool_path);
 *     fake_nf_request(&nf, 1);
 *     vhc_port_run(port);                   The switch answers.
 *     fake_nf_get(&nf, 0, descs, 32);
 *     fake_nf_put(&nf, 0, descs, 32);
 *     fake_nf_close(&nf);
 *
 * Thread-safety: none. */

#include <stddef.h>
#include <stdint.h>

#include "vhc/abi.h"
#include "vhc/ring.h"

struct fake_nf {
    int fd;                     /* Of the ring file. */
    size_t ring_bytes;          /* Of the whole file. */
    const struct vhc_ctrl_host *host; /* Shared. */
    struct vhc_ctrl_nf *nf;     /* Shared. */
    struct vhc_pool_sb *pool;   /* Shared: the pool's first byte. */
    size_t pool_bytes;

    struct vhc_cons rx[VHC_MAX_QUEUES];
    struct vhc_prod tx[VHC_MAX_QUEUES];
    struct vhc_cons fill[VHC_MAX_QUEUES];
};

/* Maps the two files, whose headers must be right. */
void fake_nf_open(struct fake_nf *, const char *ring_path,
                  const char *pool_path);
void fake_nf_close(struct fake_nf *);

/* Writes all of a good request but its number, which is 'nf->request', and
 * starts the rings anew. */
void fake_nf_prepare(struct fake_nf *);

/* The same, and then asks to attach with request 'number'. */
void fake_nf_request(struct fake_nf *, uint32_t number);

/* Detaches. */
void fake_nf_leave(struct fake_nf *);

/* Takes the lock that says that the NF lives, until its file is closed. */
void fake_nf_lock(struct fake_nf *);

/* Returns ring 'role' of 'queue'. */
struct vhc_ring *fake_nf_ring(struct fake_nf *, unsigned queue,
                              enum vhc_ring_role role);

/* Takes up to 'n' packets from the rx ring, or empty buffers from the fill
 * ring, and returns how many there were. */
unsigned fake_nf_get(struct fake_nf *, unsigned queue, struct vhc_desc *,
                     unsigned n);
unsigned fake_nf_get_empty(struct fake_nf *, unsigned queue,
                           struct vhc_desc *, unsigned n);

/* Puts 'n' descriptors, whatever they say, in the tx ring, where they must
 * fit. */
void fake_nf_put(struct fake_nf *, unsigned queue, const struct vhc_desc *,
                 unsigned n);

/* Returns the data that 'desc' refers to. */
uint8_t *fake_nf_data(struct fake_nf *, const struct vhc_desc *desc);

#endif /* fake-nf.h */
