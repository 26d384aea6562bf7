/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_CHECK_H
#define VHC_CHECK_H 1

/* Is what an NF wrote a packet that it may send?
 *
 * Pure functions over private copies: nothing here reads shared memory.
 *
 * Thread-safety: the buffers of a slot come back in one place, so that only
 * one thread finds that a buffer is the slot's and takes it: see burst.c. */

#include <stdint.h>

#include "vhc/abi.h"
#include "vhc/drops.h"

/* Owner of a buffer, as in 'owner' below: the switch (or the free list), a
 * queue of a port by its slot, or nobody because there is no such buffer.  No
 * buffer is ever of VHC_OWNER_NOBODY. */
#define VHC_OWNER_HOST 0
#define VHC_OWNER_NOBODY (UINT16_MAX - 1)
#define VHC_OWNER_NONE UINT16_MAX

struct vhc_limits {
    const uint16_t *owner;      /* By buffer id, 'n_ids' of them. */
    uint32_t n_ids;
    uint32_t room;              /* Bytes in a buffer. */
    uint32_t max_len;           /* Bytes of the longest frame. */
    uint16_t slot;              /* Whose buffers may come back here. */
};

/* Checks 'desc', which came from the NF of the queue that 'limits' is for.
 *
 * Returns VHC_NO_DROP for a packet to be forwarded or, by its verdict, to be
 * handed to the guest's own kernel, otherwise why not.  Below
 * VHC_DROP_RESERVED, the buffer is not the slot's and must not be touched;
 * from there on it is, and must go back to the pool. */
static inline enum vhc_drop
vhc_desc_check(const struct vhc_desc *desc, const struct vhc_limits *limits)
{
    uint16_t owner;

    if (desc->buf >= limits->n_ids) {
        return VHC_DROP_BAD_BUFFER;
    }
    owner = __atomic_load_n(&limits->owner[desc->buf],
                            __ATOMIC_ACQUIRE); /* (E): see burst.c. */
    if (owner != limits->slot) {
        return (owner == VHC_OWNER_NONE ? VHC_DROP_BAD_BUFFER
                : VHC_DROP_NOT_OWNER);
    }
    if (desc->flags | desc->reserved) {
        return VHC_DROP_RESERVED;
    }
    if (desc->verdict != VHC_FORWARD && desc->verdict != VHC_LOCAL) {
        return (desc->verdict == VHC_DROP ? VHC_DROP_BY_NF
                : VHC_DROP_BAD_VERDICT);
    }
    if (desc->len < VHC_MIN_FRAME) {
        return VHC_DROP_RX_SHORT;
    }
    if (desc->len > limits->max_len) {
        return VHC_DROP_RX_LONG;
    }
    if ((uint32_t) desc->off + desc->len > limits->room) {
        return VHC_DROP_OUTSIDE;
    }
    return VHC_NO_DROP;
}

#endif /* check.h */
