/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORLD_H
#define WORLD_H 1

/* A switch, a hostile NF with two ports and an honest one beside it: what the
 * operations of codes.h do.
 *
 * Thread-safety: none. */

#include "honest.h"
#include "hostile.h"
#include "ops.h"
#include "codes.h"

struct world {
    struct hostile nf;
    struct honest honest;
};

extern struct world world;

/* Starts the time and the hostile NF anew. */
void world_reset(void);

/* Makes the ports of the hostile NF, when they are opened next, what 'op'
 * says: in 'a' a bit for each if it has two queues, in 'b' and 'c' four bits
 * for each for the size of its rings and its credits, in 'v' what they have in
 * common. */
void world_configure(const struct op *op);

/* Does 'op', whose code is 'code'. */
void world_do(enum rx_op code, const struct op *op);

#endif /* world.h */
