/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include <ctype.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "dpdk.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(netdev_dpdk_chain_pool);

#define POOL_PREFIX "chain-pool-"
#define DEFAULT_LINK_DIR "/dev/shm"

/* How long a pool that was found again keeps the buffers of ports that were
 * there before.  A daemon opens all of its ports as it starts. */
#define SETTLE_MS 10000

struct ovs_list netdev_chain_pools
    = OVS_LIST_INITIALIZER(&netdev_chain_pools);

static void
init_mbuf(struct rte_mempool *mp OVS_UNUSED, void *aux OVS_UNUSED,
          void *mbuf, unsigned int i OVS_UNUSED)
{
    dp_packet_init_dpdk(mbuf);
}

/* Parses a number of bytes with an optional K, M or G. */
static bool
parse_size(const char *s, uint64_t *size)
{
    unsigned long long int n;
    int shift = 0;
    char *tail;

    if (!isdigit((unsigned char) *s)) {
        return false;
    }
    errno = 0;
    n = strtoull(s, &tail, 10);
    switch (toupper((unsigned char) *tail)) {
    case 'K': shift = 10; tail++; break;
    case 'M': shift = 20; tail++; break;
    case 'G': shift = 30; tail++; break;
    }
    if (errno || *tail || n > UINT64_MAX >> shift) {
        return false;
    }
    *size = (uint64_t) n << shift;
    return true;
}

/* Parses 'key' and 'value', one of a pool's settings, into 'config', which
 * points into 'value'. */
static char *
parse_setting(const char *key, const char *value,
              struct vhc_pool_config *config)
{
    uint64_t size;
    int node;

    if (!strcmp(key, "size")) {
        if (!parse_size(value, &size)) {
            return xasprintf("size=%s is not a number of bytes, such as 64M",
                             value);
        }
        config->size = size;
    } else if (!strcmp(key, "buffer-size")) {
        if (!parse_size(value, &size) || size > UINT32_MAX) {
            return xasprintf("buffer-size=%s is not a number of bytes",
                             value);
        }
        config->buffer_size = size;
    } else if (!strcmp(key, "node")) {
        if (!str_to_int(value, 10, &node) || node < 0) {
            return xasprintf("node=%s is not the number of a NUMA node",
                             value);
        }
        config->node = node;
    } else if (!strcmp(key, "group")) {
        config->group = value;
    } else if (!strcmp(key, "dir")) {
        config->dir = value;
    } else {
        return xasprintf("\"%s\" is not a setting of a pool; there are size, "
                         "buffer-size, node, group and dir", key);
    }
    return NULL;
}

/* Parses 's', which it changes and 'config' then points into. */
static char *
parse_pool(char *s, struct vhc_pool_config *config)
{
    char *save_ptr = NULL;
    char *token;

    for (token = strtok_r(s, ", ", &save_ptr); token;
         token = strtok_r(NULL, ", ", &save_ptr)) {
        char *value = strchr(token, '=');
        const char *key = value ? token : "size";
        char *error;

        if (value) {
            *value++ = '\0';
        }
        error = parse_setting(key, value ? value : token, config);
        if (error) {
            return error;
        }
    }
    return config->size ? NULL : xstrdup("size is missing, such as size=64M");
}

static char *
make_pool(struct netdev_chain_pool *pool)
{
    struct vhc_pool_config config = VHC_POOL_CONFIG_INITIALIZER;
    char *s = xstrdup(pool->config);
    char *error;

    config.name = pool->name;
    config.link_dir = pool->link_dir;
    config.priv_size = sizeof(struct dp_packet) - sizeof(struct rte_mbuf);
    config.mark_offset = offsetof(struct dp_packet, md.pkt_mark);
    config.mbuf_init = init_mbuf;

    error = parse_pool(s, &config);
    if (!error && !dpdk_available()) {
        error = xstrdup("DPDK is not initialized; "
                        "set other_config:dpdk-init=true");
    }
    if (!error) {
        vhc_pool_create(&config, &pool->vhc, &error);
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

static void
add_pool(const char *name, const char *config, const char *link_dir)
    OVS_REQUIRES(netdev_chain_mutex)
{
    struct netdev_chain_pool *pool = xzalloc(sizeof *pool);

    pool->name = xstrdup(name);
    pool->config = xstrdup(config);
    pool->link_dir = xstrdup(link_dir);
    pool->settle_time = LLONG_MAX;
    pool->error = make_pool(pool);
    ovs_list_push_back(&netdev_chain_pools, &pool->list_node);

    if (pool->vhc) {
        uint16_t port_id;

        RTE_ETH_FOREACH_DEV (port_id) {
            dma_map(pool, port_id);
        }
        note_recovered(pool);
    } else {
        VLOG_ERR("other_config:chain-pool-%s=\"%s\": %s", name, config,
                 pool->error);
    }
}

/* Removes 'pool' and its files; later, if buffers are still under way, such as
 * in the transmit queue of a NIC. */
static void
remove_pool(struct netdev_chain_pool *pool) OVS_REQUIRES(netdev_chain_mutex)
{
    pool->defunct = true;
    if (pool->vhc) {
        uint16_t port_id;

        if (!rte_mempool_full(vhc_pool_mempool(pool->vhc))) {
            return;
        }
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

/* Splits 's', a pool's configuration: returns its group or NULL, and stores
 * the other settings in '*rest'.  The caller frees both. */
static char *
split_group(const char *s, char **rest)
{
    struct ds others = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(s);
    char *save_ptr = NULL;
    char *group = NULL;
    char *token;

    for (token = strtok_r(copy, ", ", &save_ptr); token;
         token = strtok_r(NULL, ", ", &save_ptr)) {
        if (!strncmp(token, "group=", 6)) {
            free(group);
            group = xstrdup(token + 6);
        } else {
            ds_put_format(&others, "%s,", token);
        }
    }
    free(copy);
    *rest = ds_steal_cstr(&others);
    return group;
}

/* Applies 'value', what the key of 'pool' says now, if it differs from before
 * in the group only.  Returns true if so. */
static bool
change_group(struct netdev_chain_pool *pool, const char *value)
    OVS_REQUIRES(netdev_chain_mutex)
{
    char *old_rest, *new_rest, *message = NULL;
    char *old_group = split_group(pool->config, &old_rest);
    char *new_group = split_group(value, &new_rest);
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
 * nothing.  A pool that could not be made is tried again. */
static void
check_pool(struct netdev_chain_pool *pool, const char *value,
           const char *link_dir) OVS_REQUIRES(netdev_chain_mutex)
{
    bool same = value && pool->vhc && !strcmp(link_dir, pool->link_dir)
                && (!strcmp(value, pool->config)
                    || change_group(pool, value));

    if (same) {
        pool->defunct = false;
    } else if (!pool->n_refs) {
        remove_pool(pool);
    } else if (!pool->defunct) {
        pool->defunct = true;
        VLOG_WARN("pool %s: in use; the change of its configuration takes "
                  "effect when its ports are deleted", pool->name);
    }
}

void
netdev_chain_configure(const struct smap *other_config)
{
    const char *link_dir = smap_get_def(other_config, "chain-dir",
                                        DEFAULT_LINK_DIR);
    struct netdev_chain_pool *pool;
    const struct smap_node *node;

    netdev_chain_show_init();
    netdev_chain_wait_for_flows(other_config);
    ovs_mutex_lock(&netdev_chain_mutex);
    LIST_FOR_EACH_SAFE (pool, list_node, &netdev_chain_pools) {
        char *key = xasprintf(POOL_PREFIX"%s", pool->name);

        check_pool(pool, smap_get(other_config, key), link_dir);
        free(key);
    }
    SMAP_FOR_EACH (node, other_config) {
        const char *name = node->key + strlen(POOL_PREFIX);

        if (!strncmp(node->key, POOL_PREFIX, strlen(POOL_PREFIX))
            && !find_pool(name)) {
            add_pool(name, node->value, link_dir);
        }
    }
    ovs_mutex_unlock(&netdev_chain_mutex);
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

    LIST_FOR_EACH_SAFE (pool, list_node, &netdev_chain_pools) {
        if (pool->defunct && !pool->n_refs) {
            remove_pool(pool);
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
                          : "pool %s is being removed or changed and some of "
                            "its buffers are still queued on a device; try "
                            "again", name);
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
        if (!pool->n_refs && pool->defunct) {
            remove_pool(pool);
        }
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
