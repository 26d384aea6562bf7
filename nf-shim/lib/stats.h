/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_STATS_H
#define NFI_STATS_H 1

/* Adding up and printing the counters of ports.
 *
 * Thread-safety: one thread at a time. */

#include <stdio.h>

#include "nf/port.h"

/* Adds each counter of 'b' to 'sum'. */
void nfi_stats_add(struct nf_port_stats *sum, const struct nf_port_stats *b);

/* Prints one line for the port 'port' of the NF 'name'. */
void nfi_stats_print(FILE *stream, const char *name, const char *port,
                     const struct nf_port_stats *stats);

#endif /* stats.h */
