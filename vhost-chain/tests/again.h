/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGAIN_H
#define AGAIN_H 1

/* The switch of a rig ends without a word, as if it were killed, and another
 * one starts.  In between a test may change what the first has left.
 *
 *     again_end();
 *     again.records[1].attached = 0;
 *     again_begin();
 *
 * To abandon a port writes nothing at all, so that what is left is what a
 * SIGKILL between two calls leaves. */

#include <stdint.h>

#include "ledger.h"
#include "rig.h"

struct again {
    struct vhc_record *records; /* Of the last pool that ended; by slot. */
    uint16_t *owner;            /* By buffer id. */
    size_t size;                /* Bytes. */
};
extern struct again again;

/* Abandons 'rig.port' and 'rig.pool', unless they are NULL, and maps the
 * ledger. */
void again_end(void);

/* Makes the pool, which must be found again if 'recovered', and unmaps the
 * ledger. */
void again_begin_pool(bool recovered);

/* Does that, and opens 'rig.port'. */
void again_begin(void);

/* Both. */
void again_restart(void);

/* Returns what is known of 'port'. */
struct vhc_port_info again_info(const struct vhc_port *port);

/* Runs 'rig.port' until an NF that must go is gone. */
void again_detach(enum vhc_reason reason);

/* Checks that the NF of 'rig.port' is still attached, by its request 1 and
 * with generation 1, that its NF can see nothing else, and that it owns
 * 'owned' buffers. */
void again_check_attached(uint32_t owned);

#endif /* again.h */
