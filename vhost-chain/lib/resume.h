/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_RESUME_H
#define VHC_RESUME_H 1

/* A port that an earlier switch has left, taken up again.
 *
 * Usage
 * -----
 *
 *     slot = vhc_resume_find(port);      the ring file is open
 *     if (slot) {
 *         vhc_slots_adopt(port, slot);
 *         vhc_resume(port);
 *     } else {
 *         take slots, open a record
 *     }
 *     vhc_header_write(port);
 *     vhc_resume_start(port);
 *
 * Thread-safety: the control thread, or serialized with it. */

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "vhc/ring.h"

struct vhc_pool;
struct vhc_port;

/* Goes on producing into 'ring', of 'size' entries, for the NF that 'limits'
 * says: the entries up to 'next' were being given to it.  Those of them whose
 * buffers it owns already are submitted, as far as there is none before that
 * is not.  Returns false if the indices cannot be.
 *
 * The NF can write to the ring, and may: what it writes there can only make it
 * lose or keep buffers of its own.  Pure but for 'ring'. */
bool vhc_resume_prod(struct vhc_prod *p, struct vhc_ring *ring, uint32_t size,
                     uint32_t next, const struct vhc_limits *limits);

/* Goes on consuming from 'ring' the buffers of 'limits->slot'.  Of the first
 * VHC_MAX_BURST entries, those at the beginning whose buffers are not the
 * slot's are skipped: they were taken, or never were the NF's to give.
 * Otherwise as vhc_resume_prod(). */
bool vhc_resume_cons(struct vhc_cons *c, struct vhc_ring *ring, uint32_t size,
                     const struct vhc_limits *limits);

/* Returns the first slot of the record that is of 'port', whose file is open,
 * or 0 if there is none.  Forgets one that has its name and is of another kind
 * of port, as vhc_resume_forget() does. */
uint32_t vhc_resume_find(struct vhc_port *port);

/* Takes up the attachment that the record of 'port' describes, if any.  The
 * port is then attached, or detached and its buffers are back; the NF is not
 * told yet. */
void vhc_resume(struct vhc_port *port);

/* Lets the data path of 'port' begin, if it is attached, and wakes the NF,
 * which may have been about to be woken when the last switch ended. */
void vhc_resume_start(struct vhc_port *port);

/* Clears record 'slot', whose port is not open, tells its NF, if there is one,
 * that the port is closed, and takes its buffers back; if a port that is open
 * waits for it, once that is detached, as it must be. */
void vhc_resume_forget(struct vhc_pool *pool, uint32_t slot);

#endif /* resume.h */
