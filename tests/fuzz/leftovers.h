/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H 1

/* What a switch may have left in a ledger: anything.  And what must be true of
 * it once it is sanitized, and be left alone if it is: ledger.h in other
 * words.
 *
 * Thread-safety: none. */

#include <stdbool.h>

#include "check.h"
#include "codes.h"
#include "ledger.h"
#include "ops.h"

#define LEFTOVERS_N_RECORDS (VHC_MAX_SLOTS + 1)
#define LEFTOVERS_N_IDS 256

struct leftovers {
    struct vhc_record *records; /* By slot, LEFTOVERS_N_RECORDS. */
    uint16_t *owner;            /* By buffer id, LEFTOVERS_N_IDS. */
    bool touched[LEFTOVERS_N_RECORDS]; /* Since leftovers_reset(). */
};

/* Zeroes what was touched, and gives all buffers to the host. */
void leftovers_reset(struct leftovers *left, const struct vhc_geometry *g);

/* Returns the slot that operations call 'a': one of the first or last 32. */
uint32_t leftovers_slot(uint8_t a);

/* Returns that record, which is touched from now on. */
struct vhc_record *leftovers_record(struct leftovers *left, uint8_t a);

/* Does 'op', whose code is 'code'. */
void leftovers_do(struct leftovers *left, enum left_op code,
                  const struct op *op);

/* Returns what is wrong with 'left', or NULL. */
const char *leftovers_find_fault(const struct leftovers *left,
                                 const struct vhc_geometry *g);

#endif /* leftovers.h */
