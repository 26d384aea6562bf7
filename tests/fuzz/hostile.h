/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTILE_H
#define HOSTILE_H 1

/* A hostile NF on one or two ports: it does what an NF does, and then writes
 * whatever it likes, wherever it can.
 *
 * Thread-safety: none. */

#include "host.h"
#include "ops.h"

#define HOSTILE_N_PORTS 2       /* HOST_FW and HOST_OUT. */
#define HOSTILE_MAX_DESCS 32

struct hostile {
    struct vhc_desc descs[HOSTILE_MAX_DESCS]; /* Seen, 'n_descs'. */
    unsigned n_descs;
    struct {
        uint8_t *left;          /* The ring file while no switch runs. */
        uint32_t taken[VHC_N_RINGS]; /* Entries, of queue 0. */
        int lock_fd;            /* Holds the NF's lock; -1: does not. */
    } ports[HOSTILE_N_PORTS];
};

void hostile_reset(struct hostile *nf);

/* Lets go of port 'k', which is about to be closed. */
void hostile_forget(struct hostile *nf, int k);

/* Keeps the ring files mapped, as far as they are there, while the switch is
 * not; and lets go of them, before it is again. */
void hostile_stay(struct hostile *nf);
void hostile_let_go(struct hostile *nf);

/* Returns what the NF sees of the ring file of port 'k', or NULL. */
uint8_t *hostile_base(struct hostile *nf, int k);

/* Asks to attach to port 'k': request 'v', features 'a', level of its fill
 * ring 'b'; bit 0 of 'c' names the other port as its peer. */
void hostile_ask(struct hostile *nf, int k, const struct op *op);

/* Writes 'v' to word 'b' of the NF's control block, or 'c' says how: see
 * value_of(). */
void hostile_write(struct hostile *nf, int k, const struct op *op);

/* The same to word 'b' of the host's. */
void hostile_write_host(struct hostile *nf, int k, const struct op *op);

/* The same to an index of ring 'b' of 'queue': bit 7 says that it is 'prod'.
 */
void hostile_write_index(struct hostile *nf, int k, unsigned queue,
                         const struct op *op);

/* Writes 'v' to a word of an entry of ring 'b' of 'queue': entry and word are
 * 'c'. */
void hostile_write_desc(struct hostile *nf, int k, unsigned queue,
                        const struct op *op);

/* Takes up to 'b' entries from the rx ring of queue 0 or, if bit 0 of 'c' is
 * set, from the fill ring. */
void hostile_get(struct hostile *nf, int k, const struct op *op);

/* Sends a descriptor on queue 'queue': the 'b'th that it has seen, or buffer
 * 'b' where bit 7 of 'c' is set, and more that 'c' and 'v' say. */
void hostile_put(struct hostile *nf, int k, unsigned queue,
                 const struct op *op);

/* Takes or drops the lock of an NF that is a process. */
void hostile_lock(struct hostile *nf, int k, bool lock);

/* Truncates the ring file to 'size' bytes. */
void hostile_truncate(struct hostile *nf, int k, uint32_t size);

#endif /* hostile.h */
