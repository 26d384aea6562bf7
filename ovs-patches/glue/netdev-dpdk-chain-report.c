/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include "netdev-provider.h"

/* What a port reports of itself: link state, statistics and status. */

bool
netdev_chain_carrier(const struct netdev_chain *chain, bool vhost)
{
    if (!chain || !chain->port) {
        return vhost;
    }
    if (vhc_port_is_attached(chain->port)) {
        return !vhc_port_is_stalled(chain->port);
    }
    return vhost && !chain->require;
}

int
netdev_chain_get_stats(const struct netdev_chain *chain, int error,
                       const struct netdev_stats *sw_stats,
                       struct netdev_stats *stats)
{
    struct vhc_port_stats s;

    if (!chain || !chain->port) {
        return error;
    }
    if (error) {
        memset(stats, 0, sizeof *stats);
        stats->rx_dropped = sw_stats->rx_dropped;
        stats->tx_dropped = sw_stats->tx_dropped;
    }

    /* What OVS gave the lane and it did not send is in tx_dropped already. */
    vhc_port_get_stats(chain->port, &s);
    stats->rx_packets += s.rx_packets;
    stats->rx_bytes += s.rx_bytes;
    stats->tx_packets += s.tx_packets;
    stats->tx_bytes += s.tx_bytes;
    for (enum vhc_drop i = 0; i < VHC_DROP_BY_NF; i++) {
        stats->rx_errors += s.drops[i];
    }
    stats->rx_dropped += s.drops[VHC_DROP_BY_NF] + s.drops[VHC_DROP_NO_LOCAL];
    return 0;
}

static void
add_counter(struct netdev_custom_stats *stats, uint64_t value,
            const char *name)
{
    struct netdev_custom_counter *counter;

    stats->counters = xrealloc(stats->counters,
                               (stats->size + 1) * sizeof *stats->counters);
    counter = &stats->counters[stats->size++];
    counter->value = value;
    ovs_strlcpy(counter->name, name, sizeof counter->name);
}

void
netdev_chain_get_custom_stats(const struct netdev_chain *chain,
                              struct netdev_custom_stats *stats)
{
    struct vhc_port_stats s;

    if (!chain || !chain->port) {
        return;
    }
    vhc_port_get_stats(chain->port, &s);
    add_counter(stats, s.rx_moved, "chain_rx_moved");
    add_counter(stats, s.rx_local, "chain_rx_local");
    add_counter(stats, s.tx_by_reference, "chain_tx_by_reference");
    add_counter(stats, s.tx_copied, "chain_tx_copied");
    add_counter(stats, s.tx_copied_bytes, "chain_tx_copied_bytes");
    add_counter(stats, s.tx_wakeups, "chain_tx_wakeups");
    for (enum vhc_drop i = VHC_NO_DROP + 1; i < VHC_N_DROPS; i++) {
        char *name = xasprintf("chain_drop_%s", vhc_drop_name(i));

        add_counter(stats, s.drops[i], name);
        free(name);
    }
}

void
netdev_chain_get_status(const struct netdev_chain *chain, struct smap *args)
{
    if (!chain) {
        return;
    }
    smap_add(args, "chain-pool", chain->config.pool);
    if (chain->port) {
        struct vhc_port_info info;

        ovs_mutex_lock(&netdev_chain_mutex);
        vhc_port_get_info(chain->port, &info);
        ovs_mutex_unlock(&netdev_chain_mutex);
        smap_add(args, "chain-state", vhc_state_name(info.state));
        smap_add(args, "chain-ring", info.file);
        if (info.state == VHC_ATTACHED) {
            smap_add(args, "chain-nf", info.nf);
            smap_add(args, "chain-stalled", info.stalled ? "true" : "false");
        } else {
            smap_add(args, "chain-reason", vhc_reason_text(info.reason));
        }
    }
}

#endif /* HAVE_VHOST_CHAIN */
