/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "unixctl.h"
#include "uuid.h"

static void
put_count(struct json *object, const char *name, uint64_t value)
{
    json_object_put(object, name, json_integer_create(value));
}

static uint64_t
read_count(const atomic_ullong *counter)
{
    unsigned long long int n;

    atomic_read_relaxed(CONST_CAST(atomic_ullong *, counter), &n);
    return n;
}

static struct json *
pool_to_json(const struct netdev_chain_pool *pool)
    OVS_REQUIRES(netdev_chain_mutex)
{
    struct json *object = json_object_create();
    struct json *buffers = json_object_create();
    struct vhc_account account;
    struct vhc_pool_info info;
    struct ds uuid = DS_EMPTY_INITIALIZER;

    vhc_pool_get_info(pool->vhc, &info);
    vhc_pool_get_account(pool->vhc, &account);

    for (int i = 0; i < sizeof info.uuid; i++) {
        ds_put_format(&uuid, "%s%02x",
                      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                      info.uuid[i]);
    }
    json_object_put_string(object, "name", info.name);
    json_object_put(object, "uuid", json_string_create_nocopy(
        ds_steal_cstr(&uuid)));
    json_object_put_string(object, "file", info.file);
    put_count(object, "size", info.size);
    put_count(object, "node", info.node);
    put_count(object, "buffer_size", info.buffer_size);
    put_count(object, "stride", info.stride);
    put_count(buffers, "all", account.all);
    put_count(buffers, "free", account.free);
    put_count(buffers, "owned", account.owned);
    put_count(buffers, "in_switch", account.in_switch);
    json_object_put(object, "buffers", buffers);
    json_object_put(object, "balanced", json_boolean_create(account.balanced));
    json_object_put(object, "lost", json_boolean_create(info.lost));
    put_count(object, "repairs", info.repairs);
    return object;
}

static struct json *
hops_to_json(const struct vhc_port *port)
{
    struct json *array = json_array_create_empty();
    struct vhc_hop *hops;
    unsigned int n = vhc_port_get_hops(port, &hops);

    for (unsigned int i = 0; i < n; i++) {
        struct json *hop = json_object_create();

        json_object_put_string(hop, "from", hops[i].from);
        put_count(hop, "by_reference", hops[i].by_reference);
        put_count(hop, "copied", hops[i].copied);
        json_array_add(array, hop);
    }
    free(hops);
    return array;
}

static struct json *
port_to_json(const struct netdev_chain *chain)
    OVS_REQUIRES(netdev_chain_mutex)
{
    struct json *object = json_object_create();
    struct json *drops = json_object_create();
    struct vhc_port_stats stats;
    struct vhc_port_info info;

    vhc_port_get_info(chain->port, &info);
    vhc_port_get_stats(chain->port, &stats);

    json_object_put_string(object, "name", info.name);
    json_object_put_string(object, "pool", chain->pool->name);
    json_object_put_string(object, "ring", info.file);
    json_object_put_string(object, "state", vhc_state_name(info.state));
    json_object_put_string(object, "reason", vhc_reason_text(info.reason));
    json_object_put(object, "stalled", json_boolean_create(info.stalled));
    json_object_put_string(object, "nf", info.nf);
    put_count(object, "pid", info.pid);
    put_count(object, "generation", info.generation);
    json_object_put_string(object, "access",
                           info.access == VHC_READ_ONLY ? "ro" : "rw");
    put_count(object, "queues", info.n_queues);
    put_count(object, "credits", info.credits);
    put_count(object, "owned", info.owned);
    put_count(object, "repairs", info.repairs);
    json_object_put_string(object, "peer", info.peer ? info.peer : "");
    put_count(object, "rx_packets", stats.rx_packets);
    put_count(object, "rx_bytes", stats.rx_bytes);
    put_count(object, "rx_moved", stats.rx_moved);
    put_count(object, "rx_local", stats.rx_local);
    put_count(object, "tx_packets", stats.tx_packets);
    put_count(object, "tx_bytes", stats.tx_bytes);
    put_count(object, "tx_by_reference", stats.tx_by_reference);
    put_count(object, "tx_copied", stats.tx_copied);
    put_count(object, "tx_copied_bytes", stats.tx_copied_bytes);
    put_count(object, "tx_wakeups", stats.tx_wakeups);
    put_count(object, "copy_rx_packets", read_count(&chain->copies->rx));
    put_count(object, "copy_rx_dropped",
              read_count(&chain->copies->rx_dropped));
    put_count(object, "copy_tx_packets", read_count(&chain->copies->tx));
    for (enum vhc_drop i = VHC_NO_DROP + 1; i < VHC_N_DROPS; i++) {
        put_count(drops, vhc_drop_name(i), stats.drops[i]);
    }
    json_object_put(object, "drops", drops);
    json_object_put(object, "hops", hops_to_json(chain->port));
    return object;
}

static struct json *
all_to_json(void)
{
    struct json *pools = json_array_create_empty();
    struct json *ports = json_array_create_empty();
    struct json *object = json_object_create();
    struct netdev_chain_pool *pool;
    struct netdev_chain *chain;

    ovs_mutex_lock(&netdev_chain_mutex);
    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        if (pool->vhc) {
            json_array_add(pools, pool_to_json(pool));
        }
    }
    LIST_FOR_EACH (chain, list_node, &netdev_chains) {
        if (chain->port) {
            json_array_add(ports, port_to_json(chain));
        }
    }
    ovs_mutex_unlock(&netdev_chain_mutex);

    json_object_put(object, "pools", pools);
    json_object_put(object, "ports", ports);
    return object;
}

static void
show_json(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct json *json = all_to_json();
    char *s = json_to_string(json, JSSF_SORT);

    unixctl_command_reply(conn, s);
    free(s);
    json_destroy(json);
}

static void
format_pool(const struct netdev_chain_pool *pool, struct ds *s)
    OVS_REQUIRES(netdev_chain_mutex)
{
    struct vhc_account account;
    struct vhc_pool_info info;

    if (!pool->vhc) {
        ds_put_format(s, "pool %s: not usable: %s\n", pool->name,
                      pool->error);
        return;
    }
    vhc_pool_get_info(pool->vhc, &info);
    vhc_pool_get_account(pool->vhc, &account);
    ds_put_format(s, "pool %s: %s, %"PRIuSIZE" MiB, buffer-size %"PRIu32
                  ", ", info.name, info.file, info.size >> 20,
                  info.buffer_size);
    if (info.node >= 0) {
        ds_put_format(s, "node %d\n", info.node);
    } else {
        ds_put_cstr(s, "any node\n");
    }
    if (info.lost) {
        ds_put_cstr(s, "    LOST: somebody truncated the file; delete the "
                    "pool's ports and its chain-pool-* key\n");
    }
    if (info.repairs) {
        ds_put_format(s, "    superblock overwritten by an NF and repaired: "
                      "%"PRIu64" times\n", info.repairs);
    }
    ds_put_format(s, "    buffers: %"PRIu32" free + %"PRIu32" owned + "
                  "%"PRIu32" in switch = %"PRIu32" all%s\n", account.free,
                  account.owned, account.in_switch, account.all,
                  account.balanced ? "" : " (UNBALANCED)");
}

static void
format_port(const struct netdev_chain *chain, struct ds *s)
    OVS_REQUIRES(netdev_chain_mutex)
{
    struct vhc_port_stats stats;
    struct vhc_port_info info;
    struct vhc_hop *hops;
    unsigned int n_hops;

    vhc_port_get_info(chain->port, &info);
    vhc_port_get_stats(chain->port, &stats);

    ds_put_format(s, "port %s: pool %s, %s\n", info.name, chain->pool->name,
                  info.file);
    if (info.state == VHC_ATTACHED) {
        ds_put_format(s, "    attached: \"%s\", pid %"PRIu32", generation "
                      "%"PRIu32"%s%s\n", info.nf, info.pid, info.generation,
                      info.peer ? ", buffers come back through " : "",
                      info.peer ? info.peer : "");
    } else {
        ds_put_format(s, "    %s: %s\n", vhc_state_name(info.state),
                      vhc_reason_text(info.reason));
    }
    if (info.stalled) {
        ds_put_cstr(s, "    STALLED: the NF takes no packets; its link is "
                    "down until it does\n");
    }
    if (info.repairs) {
        ds_put_format(s, "    ring file's header overwritten by the NF and "
                      "repaired: %"PRIu64" times\n", info.repairs);
    }
    ds_put_format(s, "    buffers: %"PRIu32" owned of %"PRIu32" credits\n",
                  info.owned, info.credits);
    ds_put_format(s, "    rx: %"PRIu64" packets, %"PRIu64" bytes, "
                  "%"PRIu64" moved\n", stats.rx_packets, stats.rx_bytes,
                  stats.rx_moved);
    ds_put_format(s, "    tx: %"PRIu64" packets, %"PRIu64" bytes, "
                  "%"PRIu64" by reference, %"PRIu64" copied "
                  "(%"PRIu64" bytes)\n", stats.tx_packets, stats.tx_bytes,
                  stats.tx_by_reference, stats.tx_copied,
                  stats.tx_copied_bytes);

    ds_put_format(s, "    copy lane: %"PRIu64" packets from the guest's "
                  "kernel, %"PRIu64" to it (%"PRIu64" by the NF)\n",
                  read_count(&chain->copies->rx),
                  read_count(&chain->copies->tx),
                  stats.rx_local);

    n_hops = vhc_port_get_hops(chain->port, &hops);
    for (unsigned int i = 0; i < n_hops; i++) {
        ds_put_format(s, "    from %s: %"PRIu64" by reference, "
                      "%"PRIu64" copied\n", hops[i].from,
                      hops[i].by_reference, hops[i].copied);
    }
    free(hops);
    for (enum vhc_drop i = VHC_NO_DROP + 1; i < VHC_N_DROPS; i++) {
        if (stats.drops[i]) {
            ds_put_format(s, "    dropped, %s: %"PRIu64"\n",
                          vhc_drop_name(i), stats.drops[i]);
        }
    }
}

static void
show_text(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct netdev_chain_pool *pool;
    struct netdev_chain *chain;

    ovs_mutex_lock(&netdev_chain_mutex);
    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        format_pool(pool, &s);
    }
    LIST_FOR_EACH (chain, list_node, &netdev_chains) {
        if (chain->port) {
            format_port(chain, &s);
        }
    }
    ovs_mutex_unlock(&netdev_chain_mutex);

    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

void
netdev_chain_show_init(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        unixctl_command_register("chain/show", "", 0, 0, show_text, NULL);
        unixctl_command_register("chain/show-json", "", 0, 0, show_json,
                                 NULL);
        ovsthread_once_done(&once);
    }
}

#endif /* HAVE_VHOST_CHAIN */
