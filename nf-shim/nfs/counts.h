/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COUNTS_H
#define COUNTS_H 1

/* What nf-monitor counts: packets by kind and protocol, and talkers.
 *
 * Usage
 * -----
 *
 *     counts_add(&counts, frame, len);
 *     counts_print(stdout, "nf-monitor", &counts, 10);
 *
 * Memory is bounded: 'struct counts' is all there is.
 *
 * Thread-safety: one thread at a time. */

#include <stdint.h>
#include <stdio.h>

#include "talkers.h"

#define COUNTS_MAX_TOP 100

struct count {
    uint64_t n_packets;
    uint64_t n_bytes;
};

struct counts {
    struct count arp;
    struct count non_ip;        /* Other than ARP. */
    struct count malformed;
    struct count ipv4[256];     /* By protocol. */
    struct count ipv6[256];     /* By protocol. */
    struct count fragments;     /* Later fragments; also in the above. */
    struct talkers talkers;
};

/* Counts the frame of 'len' bytes at 'frame'. */
void counts_add(struct counts *counts, const uint8_t *frame, uint32_t len);

/* Prints what was counted, and the 'n_top' first talkers, at most
 * COUNTS_MAX_TOP.  Each line starts with 'name'. */
void counts_print(FILE *stream, const char *name, const struct counts *counts,
                  unsigned int n_top);

#endif /* counts.h */
