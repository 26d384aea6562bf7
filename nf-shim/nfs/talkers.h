/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALKERS_H
#define TALKERS_H 1

/* Who sends the most, in bounded memory.
 *
 * Usage
 * -----
 *
 *     talkers_count(talkers, &flow, len);
 *     n = talkers_top(talkers, top, 10);
 *
 * How it works
 * ------------
 *
 * The Space-Saving algorithm (Metwally, Agrawal, El Abbadi: "Efficient
 * Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005) in
 * each of TALKERS_SETS sets that addresses hash to.  A set keeps TALKERS_WAYS
 * addresses; a new one takes the place of the one with the fewest bytes and
 * inherits its count, so that a count is never too low, and too high by at
 * most 'error'.  An address that sent more than 1/TALKERS_WAYS of its set's
 * bytes is always there.
 *
 * Thread-safety: one thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "flow.h"

#define TALKERS_SETS 256
#define TALKERS_WAYS 8

struct talker {
    struct flow_addr addr;
    enum flow_kind family;      /* FLOW_NON_IP: not in use. */
    uint64_t n_bytes;           /* True value, or up to 'error' more. */
    uint64_t error;             /* In bytes. */
    uint64_t n_packets;         /* Since the address is in the table. */
};

struct talkers {
    struct talker sets[TALKERS_SETS][TALKERS_WAYS];
};

/* Counts a packet of 'len' bytes from the source of 'flow', which must be of
 * IPv4 or IPv6. */
void talkers_count(struct talkers *talkers, const struct flow *flow,
                   uint32_t len);

/* Stores the up to 'n' addresses with the most bytes in 'top', the largest
 * first.  Returns how many. */
size_t talkers_top(const struct talkers *talkers, struct talker *top,
                   size_t n);

#endif /* talkers.h */
