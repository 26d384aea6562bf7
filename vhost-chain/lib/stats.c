/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "port-private.h"

void
vhc_port_get_stats(const struct vhc_port *port, struct vhc_port_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        const struct vhc_rx_counters *rx = &port->queues[i].rx_counters;
        const struct vhc_tx_counters *tx = &port->queues[i].tx_counters;

        stats->rx_packets += vhc_counted(&rx->packets);
        stats->rx_bytes += vhc_counted(&rx->bytes);
        stats->rx_moved += vhc_counted(&rx->moved);
        stats->rx_local
            += vhc_counted(&port->pool->slots[port->slot + i].local);
        stats->tx_packets += vhc_counted(&tx->packets);
        stats->tx_bytes += vhc_counted(&tx->bytes);
        stats->tx_copied += vhc_counted(&tx->copied);
        stats->tx_copied_bytes += vhc_counted(&tx->copied_bytes);
        stats->tx_wakeups += vhc_counted(&tx->wakeups);
        for (int j = 0; j < VHC_N_DROPS; j++) {
            stats->drops[j] += vhc_counted(&rx->drops[j])
                               + vhc_counted(&tx->drops[j]);
        }
    }
    stats->tx_by_reference = (stats->tx_packets > stats->tx_copied
                              ? stats->tx_packets - stats->tx_copied : 0);
}

/* Adds to '*hop' the packets that came to 'port' from the 'n' sources that
 * start at 'source'. */
static void
add_hops(const struct vhc_port *port, unsigned source, unsigned n,
         struct vhc_hop *hop)
{
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        const struct vhc_tx_counters *tx = &port->queues[i].tx_counters;

        for (unsigned j = source; j < source + n; j++) {
            hop->by_reference += vhc_counted(&tx->hops[j].by_reference);
            hop->copied += vhc_counted(&tx->hops[j].copied);
        }
    }
}

/* Returns how many sources, 'source' the first, are one port or the like, and
 * stores its name in '*name'. */
static unsigned
name_source(const struct vhc_pool *pool, unsigned source, const char **name)
{
    const struct vhc_port *from;

    if (source <= VHC_FROM_SLOT) {
        *name = source == VHC_FROM_NIC ? "nic" : "outside";
        return 1;
    }
    from = pool->slots[source - VHC_FROM_SLOT].port;
    *name = from ? from->config.name : "(deleted)";
    return from ? from->config.n_queues : 1;
}

/* Returns the hop from 'from' among the '*n' of 'hops', a new one if there is
 * none. */
static struct vhc_hop *
find_hop(struct vhc_hop *hops, unsigned *n, const char *from)
{
    unsigned i;

    for (i = 0; i < *n && strcmp(hops[i].from, from); i++) {
        continue;
    }
    if (i == *n) {
        hops[(*n)++] = (struct vhc_hop) { .from = from };
    }
    return &hops[i];
}

unsigned
vhc_port_get_hops(const struct vhc_port *port, struct vhc_hop **hops)
{
    unsigned n = 0, step;

    *hops = calloc(VHC_N_SOURCES, sizeof **hops);
    if (!*hops) {
        return 0;
    }
    for (unsigned source = 0; source < VHC_N_SOURCES; source += step) {
        struct vhc_hop hop = { .from = NULL };

        step = name_source(port->pool, source, &hop.from);
        add_hops(port, source, step, &hop);
        if (hop.by_reference || hop.copied) {
            struct vhc_hop *sum = find_hop(*hops, &n, hop.from);

            sum->by_reference += hop.by_reference;
            sum->copied += hop.copied;
        }
    }
    return n;
}

void
vhc_port_get_info(const struct vhc_port *port, struct vhc_port_info *info)
{
    *info = (struct vhc_port_info) {
        .name = port->config.name,
        .file = port->file.path,
        .pool = port->pool,
        .state = port->attach.state,
        .reason = port->attach.reason,
        .pid = port->request.pid,
        .generation = port->attach.generation,
        .access = port->config.access,
        .n_queues = port->config.n_queues,
        .credits = port->config.credits,
        .owned = vhc_port_owned(port),
        .stalled = vhc_port_is_stalled(port),
        .repairs = port->repairs,
        .peer = port->peer ? port->peer->config.name : NULL,
    };
    memcpy(info->nf, port->request.name, sizeof info->nf);
}
