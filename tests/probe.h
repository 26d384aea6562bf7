/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_H
#define PROBE_H 1

/* The NF's side of a port for test programs, which speak the protocol of
 * vhost-chain(7) by hand so that they can break it.
 *
 * Usage
 * -----
 *
 *     probe_open(&p, ring_path, pool_path, true);
 *     p.fill_level = 64;                    Or whatever else it asks for.
 *     if (probe_attach(&p) == VHC_ATTACHED) {
 *         while (probe_is_attached(&p)) {
 *             vhc_ring_peek(&p.rx[0], 32); ...
 *         }
 *     }
 *     probe_detach(&p);
 *
 * What the headers of both files say is copied when they are mapped, so that
 * a program may write over them and still find everything.
 *
 * Thread-safety: one thread a structure.  A fork shares the lock.
 *
 * Errors: a program that cannot go on is ended, with words. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhc/ring.h"

/* Exit statuses, besides 0, 1 for errors and 2 for wrong usage. */
#define PROBE_REFUSED 3
#define PROBE_DETACHED 4

struct probe {
    uint8_t *ring_file;         /* Shared, 'ring_size' bytes. */
    uint8_t *pool_file;         /* Shared, 'pool_size' bytes. */
    size_t ring_size, pool_size;
    int ring_fd;                /* Holds the lock. */
    struct vhc_ctrl_host *host; /* Shared; the switch's to write. */
    struct vhc_ctrl_nf *nf;     /* Shared. */
    struct vhc_ctrl_host head;  /* What 'host' said at the beginning. */
    struct vhc_pool_sb sb;      /* The same of the pool. */

    struct vhc_cons rx[VHC_MAX_QUEUES];
    struct vhc_prod tx[VHC_MAX_QUEUES];
    struct vhc_cons fill[VHC_MAX_QUEUES];
    uint32_t request;           /* Number of the last one. */

    /* What it asks for. */
    const char *name;
    uint32_t abi_version;
    uint32_t features;
    uint32_t n_queues;
    uint32_t fill_level;
    uint64_t peer_token;
};

/* Maps the two files, and takes the lock if 'lock'. */
void probe_open(struct probe *, const char *ring, const char *pool, bool lock);

/* Maps what the PCI devices of a guest show, where the only port is.  The
 * switch sees no lock of a guest's. */
void probe_open_devices(struct probe *);

/* Takes or, with F_UNLCK for 'type', gives back a lock on 'len' bytes of the
 * ring file from 'start' on.  Returns 0 or an errno. */
int probe_lock(const struct probe *, short int type, int start, int len);

/* Writes a good request, but for its number, and zeroes the indices. */
void probe_prepare(struct probe *);

/* Gives the request a new number and waits for the answer.  If it is attached
 * then, makes the rings ready. */
enum vhc_state probe_request(struct probe *);

/* Does both. */
enum vhc_state probe_attach(struct probe *);

/* Detaches, and waits until it is. */
void probe_detach(struct probe *);

bool probe_is_attached(const struct probe *);

/* Returns the reason for which it is refused or detached, and what one means,
 * in words. */
const char *probe_reason(const struct probe *);
const char *probe_reason_text(uint32_t reason);

/* Returns ring 'role' of 'queue'. */
struct vhc_ring *probe_ring(const struct probe *, uint32_t queue,
                            enum vhc_ring_role role);

/* Returns the first byte of buffer 'id', which must be less than 'n_ids'. */
uint8_t *probe_buffer(const struct probe *, uint32_t id);

/* Sends 'desc' on 'queue', once there is room.  Returns false if it is not
 * attached any more. */
bool probe_send(struct probe *, uint32_t queue, const struct vhc_desc *desc);

/* Shows the switch that the NF lives. */
void probe_tick(struct probe *);

void probe_pause(void);         /* For a millisecond. */

/* Returns the number that 's', a command line's, is. */
uint32_t probe_number(const char *s);

_Noreturn void probe_die(const char *what, const char *name);

#endif /* probe.h */
