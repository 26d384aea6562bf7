/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "stats.h"

#include <inttypes.h>

#define COUNTERS                                                            \
    COUNTER(rx_packets)                                                     \
    COUNTER(rx_bytes)                                                       \
    COUNTER(rx_bad)                                                         \
    COUNTER(tx_packets)                                                     \
    COUNTER(tx_bytes)                                                       \
    COUNTER(dropped)                                                        \
    COUNTER(local)                                                          \
    COUNTER(tx_full)                                                        \
    COUNTER(allocated)                                                      \
    COUNTER(sleeps)                                                         \
    COUNTER(wakeups)

#define COUNTER(NAME) + sizeof(uint64_t)
_Static_assert(sizeof(struct nf_port_stats) == 0 COUNTERS,
               "a counter is missing above");
#undef COUNTER

void
nfi_stats_add(struct nf_port_stats *sum, const struct nf_port_stats *b)
{
#define COUNTER(NAME) sum->NAME += b->NAME;
    COUNTERS
#undef COUNTER
}

void
nfi_stats_print(FILE *stream, const char *name, const char *port,
                const struct nf_port_stats *stats)
{
    fprintf(stream, "%s: %s:", name, port);
#define COUNTER(NAME) fprintf(stream, " "#NAME"=%"PRIu64, stats->NAME);
    COUNTERS
#undef COUNTER
    putc('\n', stream);
}
