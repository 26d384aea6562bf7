/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "connectivity.h"
#include "dpdk.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(netdev_dpdk_chain_pool);

#define POOL_PREFIX "chain-pool-"
#define DEFAULT_LINK_DIR "/dev/shm"

/* How long a pool that was found again keeps the buffers of ports that were
 * there before.  A daemon opens all of its ports as it starts. */
#define SETTLE_MS 10000

struct ovs_list netdev_chain_pools
    = OVS_LIST_INITIALIZER(&netdev_chain_pools);

/* A pool can be removed now: for the main thread. */
static atomic_bool removable = ATOMIC_VAR_INIT(false);

static void
init_mbuf(struct rte_mempool *mp OVS_UNUSED, void *aux OVS_UNUSED,
          void *mbuf, unsigned int i OVS_UNUSED)
{
    dp_packet_init_dpdk(mbuf);
}

/* Makes 'pool' in '*vhc', or returns why it cannot be made. */
static char *
make_pool(const struct netdev_chain_pool *pool, struct vhc_pool **vhc)
{
    struct vhc_pool_config config = VHC_POOL_CONFIG_INITIALIZER;
    char *s = xstrdup(pool->config);
    char *error;

    config.name = pool->name;
    config.link_dir = pool->link_dir;
    config.priv_size = sizeof(struct dp_packet) - sizeof(struct rte_mbuf);
    config.mark_offset = offsetof(struct dp_packet, md.pkt_mark);
    config.mbuf_init = init_mbuf;

    error = netdev_chain_parse_pool(s, &config);
    if (!error && !dpdk_available()) {
        error = xstrdup("DPDK is not initialized; "
                        "set other_config:dpdk-init=true");
    }
    if (!error) {
        vhc_pool_create(&config, vhc, &error);
    }
    free(s);
    return error;
}

static struct rte_device *
device_of(uint16_t port_id)
{
    struct rte_eth_dev_info info;

    return (rte_eth_dev_is_valid_port(port_id)
            && !rte_eth_dev_info_get(port_id, &info) ? info.device : NULL);
}

static void
dma_map(struct netdev_chain_pool *pool, uint16_t port_id)
{
    struct rte_device *device = device_of(port_id);
    int error = device ? vhc_pool_dma_map(pool->vhc, device) : 0;

    if (error && error != ENOTSUP) {
        VLOG_WARN("pool %s: device %s cannot DMA into it: %s", pool->name,
                  rte_dev_name(device), ovs_strerror(error));
    }
}

/* The control thread settles a pool that was found again, even if no port of
 * it is ever opened. */
static void
note_recovered(struct netdev_chain_pool *pool)
{
    struct vhc_pool_info info;

    vhc_pool_get_info(pool->vhc, &info);
    VLOG_INFO("pool %s: %s (%s)", pool->name,
              info.recovered ? "found again" : "created", pool->config);
    if (info.recovered) {
        pool->settle_time = time_msec() + SETTLE_MS;
        netdev_chain_start_control();
    }
}

/* Makes 'pool' if that can be.  Not with the mutex: the kernel clears all of
 * its pages meanwhile. */
static void
try_pool(struct netdev_chain_pool *pool) OVS_EXCLUDED(netdev_chain_mutex)
{
    struct vhc_pool *vhc = NULL;
    char *error = make_pool(pool, &vhc);

    if (error && !nullable_string_is_equal(error, pool->error)) {
        VLOG_ERR("other_config:chain-pool-%s=\"%s\": %s", pool->name,
                 pool->config, error);
    }
    free(pool->error);
    pool->error = error;
    if (vhc) {
        uint16_t port_id;

        ovs_mutex_lock(&netdev_chain_mutex);
        pool->vhc = vhc;
        RTE_ETH_FOREACH_DEV (port_id) {
            dma_map(pool, port_id);
        }
        note_recovered(pool);
        ovs_mutex_unlock(&netdev_chain_mutex);
    }
}

static void
add_pool(const char *name, const char *config, const char *link_dir)
    OVS_EXCLUDED(netdev_chain_mutex)
{
    struct netdev_chain_pool *pool = xzalloc(sizeof *pool);

    pool->name = xstrdup(name);
    pool->config = xstrdup(config);
    pool->link_dir = xstrdup(link_dir);
    pool->settle_time = LLONG_MAX;
    ovs_mutex_lock(&netdev_chain_mutex);
    ovs_list_push_back(&netdev_chain_pools, &pool->list_node);
    ovs_mutex_unlock(&netdev_chain_mutex);
    try_pool(pool);
}

/* Whether no buffer of 'pool' is under way, such as in the transmit queue of a
 * NIC. */
static bool
is_removable(const struct netdev_chain_pool *pool)
    OVS_REQUIRES(netdev_chain_mutex)
{
    return !pool->n_refs
           && (!pool->vhc || rte_mempool_full(vhc_pool_mempool(pool->vhc)));
}

/* Removes 'pool' and its files; later, if that cannot be yet. */
static void
remove_pool(struct netdev_chain_pool *pool) OVS_REQUIRES(netdev_chain_mutex)
{
    pool->defunct = true;
    if (!is_removable(pool)) {
        netdev_chain_start_control();
        return;
    }
    if (pool->vhc) {
        uint16_t port_id;

        RTE_ETH_FOREACH_DEV (port_id) {
            struct rte_device *device = device_of(port_id);

            if (device) {
                vhc_pool_dma_unmap(pool->vhc, device);
            }
        }
        VLOG_INFO("pool %s: removed", pool->name);
    }
    vhc_pool_destroy(pool->vhc, true);
    ovs_list_remove(&pool->list_node);
    free(pool->name);
    free(pool->config);
    free(pool->link_dir);
    free(pool->error);
    free(pool);
}

static struct netdev_chain_pool *
find_pool(const char *name) OVS_REQUIRES(netdev_chain_mutex)
{
    struct netdev_chain_pool *pool;

    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        if (!strcmp(pool->name, name)) {
            return pool;
        }
    }
    return NULL;
}

/* Applies 'value', what the key of 'pool' says now, if it differs from before
 * in the group only.  Returns true if so. */
static bool
change_group(struct netdev_chain_pool *pool, const char *value)
    OVS_REQUIRES(netdev_chain_mutex)
{
    char *old_rest, *new_rest, *message = NULL;
    char *old_group = netdev_chain_split_group(pool->config, &old_rest);
    char *new_group = netdev_chain_split_group(value, &new_rest);
    bool same = !strcmp(old_rest, new_rest);

    if (same && vhc_pool_set_group(pool->vhc, new_group, &message)) {
        /* Tried again with the next change of anything. */
        VLOG_WARN("other_config:chain-pool-%s=\"%s\": %s", pool->name, value,
                  message);
        free(message);
    } else if (same) {
        free(pool->config);
        pool->config = xstrdup(value);
    }
    free(old_rest);
    free(new_rest);
    free(old_group);
    free(new_group);
    return same;
}

/* Removes 'pool' if 'value', what its key says now, is something else or
 * nothing. */
static void
check_pool(struct netdev_chain_pool *pool, const char *value,
           const char *link_dir) OVS_REQUIRES(netdev_chain_mutex)
{
    bool same = value && !strcmp(link_dir, pool->link_dir)
                && (!strcmp(value, pool->config)
                    || (pool->vhc && change_group(pool, value)));

    if (same) {
        pool->defunct = false;
    } else if (!pool->n_refs) {
        remove_pool(pool);
    } else if (!pool->defunct) {
        pool->defunct = true;
        netdev_chain_start_control();
        VLOG_WARN("pool %s: in use; the change of its configuration takes "
                  "effect when its ports are deleted", pool->name);
    }
}

static void
check_pools(const struct smap *other_config, const char *link_dir)
{
    struct netdev_chain_pool *pool;

    ovs_mutex_lock(&netdev_chain_mutex);
    LIST_FOR_EACH_SAFE (pool, list_node, &netdev_chain_pools) {
        char *key = xasprintf(POOL_PREFIX"%s", pool->name);

        check_pool(pool, smap_get(other_config, key), link_dir);
        free(key);
    }
    ovs_mutex_unlock(&netdev_chain_mutex);
}

void
netdev_chain_configure(const struct smap *other_config, bool retry)
{
    const char *link_dir = smap_get_def(other_config, "chain-dir",
                                        DEFAULT_LINK_DIR);
    const struct smap_node *node;

    netdev_chain_show_init();
    netdev_chain_wait_for_flows(other_config);
    check_pools(other_config, link_dir);
    SMAP_FOR_EACH (node, other_config) {
        const char *name = node->key + strlen(POOL_PREFIX);
        struct netdev_chain_pool *pool;

        if (strncmp(node->key, POOL_PREFIX, strlen(POOL_PREFIX))) {
            continue;
        }
        ovs_mutex_lock(&netdev_chain_mutex);
        pool = find_pool(name);
        ovs_mutex_unlock(&netdev_chain_mutex);
        if (!pool) {
            add_pool(name, node->value, link_dir);
        } else if (!pool->vhc && retry) {
            try_pool(pool);
        }
    }
}

bool
netdev_chain_run(void)
{
    bool run;

    atomic_read_relaxed(&removable, &run);
    if (run) {
        atomic_store_relaxed(&removable, false);
    }
    return run;
}

static void
run_pool(struct netdev_chain_pool *pool)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (vhc_pool_run(pool->vhc)) {
        VLOG_WARN_RL(&rl, "pool %s: an NF has overwritten the superblock; it "
                     "is as before", pool->name);
    }
    if (time_msec() >= pool->settle_time) {
        pool->settle_time = LLONG_MAX;
        vhc_pool_settle(pool->vhc);
    }
}

void
netdev_chain_pools_run(void)
{
    struct netdev_chain_pool *pool;

    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        if (pool->vhc) {
            run_pool(pool);
        }
    }
}

void
netdev_chain_pools_sweep(void)
{
    struct netdev_chain_pool *pool;

    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        if (pool->defunct && is_removable(pool)) {
            atomic_store_relaxed(&removable, true);
            seq_change(connectivity_seq_get());
        }
    }
}

/* Ports go without being closed: what their NFs hold is not to be taken back,
 * and a pool that was to change is not free to. */
void
netdev_chain_pools_leave(void)
{
    struct netdev_chain_pool *pool;

    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        pool->settle_time = LLONG_MAX;
        pool->defunct = false;
    }
}

struct netdev_chain_pool *
netdev_chain_pool_ref(const char *name, char **errp)
{
    struct netdev_chain_pool *pool;

    ovs_mutex_lock(&netdev_chain_mutex);
    pool = find_pool(name);
    if (!pool) {
        *errp = xasprintf("there is no pool %s; define it with ovs-vsctl set "
                          "Open_vSwitch . other_config:chain-pool-%s=64M",
                          name, name);
    } else if (pool->error) {
        *errp = xasprintf("other_config:chain-pool-%s: %s", name,
                          pool->error);
        pool = NULL;
    } else if (pool->defunct) {
        *errp = xasprintf(pool->n_refs
                          ? "pool %s is being removed or changed; delete its "
                            "other ports first"
                          : "pool %s is being removed or changed, which "
                            "waits for buffers that are still queued on a "
                            "device", name);
        pool = NULL;
    } else {
        pool->n_refs++;
    }
    ovs_mutex_unlock(&netdev_chain_mutex);
    return pool;
}

struct netdev_chain_pool *
netdev_chain_get_pool(struct netdev_chain *chain)
{
    if (!chain) {
        return NULL;
    }
    ovs_mutex_lock(&netdev_chain_mutex);
    chain->pool->n_refs++;
    ovs_mutex_unlock(&netdev_chain_mutex);
    return chain->pool;
}

void
netdev_chain_pool_unref(struct netdev_chain_pool *pool)
{
    if (pool) {
        ovs_mutex_lock(&netdev_chain_mutex);
        ovs_assert(pool->n_refs > 0);
        pool->n_refs--;
        ovs_mutex_unlock(&netdev_chain_mutex);
    }
}

struct rte_mempool *
netdev_chain_pool_mempool(const struct netdev_chain_pool *pool)
{
    return vhc_pool_mempool(pool->vhc);
}

void
netdev_chain_dma_map(uint16_t port_id)
{
    struct netdev_chain_pool *pool;

    ovs_mutex_lock(&netdev_chain_mutex);
    LIST_FOR_EACH (pool, list_node, &netdev_chain_pools) {
        if (pool->vhc) {
            dma_map(pool, port_id);
        }
    }
    ovs_mutex_unlock(&netdev_chain_mutex);
}

#endif /* HAVE_VHOST_CHAIN */
