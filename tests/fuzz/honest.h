/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONEST_H
#define HONEST_H 1

/* An honest NF, on HOST_OK or wherever an NF is needed that has to be served
 * well, whatever the others do: each packet arrives as it was sent, once, and
 * nobody else touches what it holds.
 *
 * Thread-safety: none. */

#include "fake-nf.h"
#include "host.h"

#define HONEST_MAX_HELD 4       /* Packets. */

struct honest {
    int k;                      /* Which port. */
    struct fake_nf nf;
    struct vhc_desc held[HONEST_MAX_HELD];
    unsigned n_held;
};

/* Attaches to port 'k', which must be open and may have an NF that goes.  What
 * it held, if anything, is forgotten. */
void honest_attach(struct honest *honest, int k, uint32_t request);

/* Checks that it is still attached, after the switch has restarted. */
void honest_again(struct honest *honest);

/* Sends it a packet of 'len' bytes, which comes back.  The packet is from
 * memory outside of the pool if 'copied'. */
void honest_round(struct honest *honest, unsigned len, bool copied);

/* Sends it a packet, which it keeps and whose whole buffer it fills. */
void honest_hold(struct honest *honest);

/* Checks what it holds, and sends it back. */
void honest_release(struct honest *honest);

/* It moves: time has passed. */
void honest_live(struct honest *honest);

/* Returns whatever the others have sent it, which then is in 'host.hand'. */
void honest_echo(struct honest *honest);

#endif /* honest.h */
