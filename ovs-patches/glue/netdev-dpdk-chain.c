/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "userspace-tso.h"

VLOG_DEFINE_THIS_MODULE(netdev_dpdk_chain);

BUILD_ASSERT_DECL(NETDEV_MAX_BURST <= VHC_MAX_BURST);

/* Polls in a row that may find packets before a port's copy lane has a turn.
 */
#define MAX_TURNS 16

/* The daemon exits, and its NFs wait for the next one. */
static bool exiting OVS_GUARDED_BY(netdev_chain_mutex);

/* Nothing is taken from NFs. */
static atomic_bool holding = ATOMIC_VAR_INIT(false);

/* Of options:chain-stall-timeout. */
#define DEFAULT_STALL_MS 2000

/* Configuration. */

static void
config_uninit(struct netdev_chain_config *config)
{
    free(config->pool);
    free(config->ring);
}

/* Parses options:'key', a number from 'min' to 'max', into '*value', which it
 * leaves alone if there is no such option. */
static char *
parse_number(const struct smap *options, const char *key, int min, int max,
             uint32_t *value)
{
    const char *s = smap_get(options, key);
    int n;

    if (!s) {
        return NULL;
    }
    if (!str_to_int(s, 10, &n) || n < min || n > max) {
        return xasprintf("options:%s=%s is not a number from %d to %d", key,
                         s, min, max);
    }
    *value = n;
    return NULL;
}

static char *
parse_options(const struct smap *options, struct netdev_chain_config *config)
{
    const char *access = smap_get_def(options, "chain-access", "rw");
    const char *require = smap_get_def(options, "chain-require", "false");
    char *error;

    *config = (struct netdev_chain_config) {
        .pool = nullable_xstrdup(smap_get(options, "chain-pool")),
        .ring = nullable_xstrdup(smap_get(options, "chain-ring")),
        .n_queues = 1,
        .stall_ms = DEFAULT_STALL_MS,
    };

    if (config->pool && !config->pool[0]) {
        return xstrdup("options:chain-pool is empty; name a pool or remove "
                       "the option");
    }
    if (!strcmp(access, "ro")) {
        config->access = VHC_READ_ONLY;
    } else if (strcmp(access, "rw")) {
        return xasprintf("options:chain-access=%s is neither rw nor ro",
                         access);
    }
    if (!strcmp(require, "true")) {
        config->require = true;
    } else if (strcmp(require, "false")) {
        return xasprintf("options:chain-require=%s is neither true nor false",
                         require);
    }
    error = parse_number(options, "chain-queues", 1, VHC_MAX_QUEUES,
                         &config->n_queues);
    if (!error) {
        error = parse_number(options, "chain-credits", 1, INT_MAX,
                             &config->credits);
    }
    return error ? error : parse_number(options, "chain-stall-timeout", 0,
                                        INT_MAX, &config->stall_ms);
}

/* A NIC has no lane: the other options would do nothing. */
static char *
check_nic_options(const struct smap *options)
{
    const struct smap_node *node;

    SMAP_FOR_EACH (node, options) {
        if (!strncmp(node->key, "chain-", strlen("chain-"))
            && strcmp(node->key, "chain-pool")) {
            return xasprintf("options:%s is for ports that an NF attaches to; "
                             "a physical port takes chain-pool only",
                             node->key);
        }
    }
    return NULL;
}

static bool
config_equal(const struct netdev_chain_config *a,
             const struct netdev_chain_config *b)
{
    return !strcmp(a->pool, b->pool)
           && nullable_string_is_equal(a->ring, b->ring)
           && a->n_queues == b->n_queues
           && a->credits == b->credits
           && a->stall_ms == b->stall_ms
           && a->access == b->access
           && a->require == b->require;
}

static int
open_lane(struct netdev_chain *chain, int max_len, char **errp)
{
    struct vhc_port_config config = VHC_PORT_CONFIG_INITIALIZER;
    char *message = NULL;
    int error;

    config.name = netdev_get_name(chain->netdev);
    config.file = chain->config.ring;
    config.n_queues = chain->config.n_queues;
    config.credits = chain->config.credits;
    config.stall_ms = chain->config.stall_ms;
    config.access = chain->config.access;
    config.max_len = max_len;
    netdev_chain_guest_init(chain, &config);
    error = vhc_port_open(chain->pool->vhc, &config, &chain->port, &message);
    if (error) {
        *errp = xasprintf("%s%s%s%s", config.file ? "options:chain-ring=" : "",
                          config.file ? config.file : "",
                          config.file ? ": " : "", message);
        free(message);
    }
    return error;
}

static int
check_max_len(const struct netdev_chain_pool *pool, int max_len, char **errp)
{
    uint32_t buffer_size = vhc_pool_buffer_size(pool->vhc);

    if (max_len <= buffer_size) {
        return 0;
    }
    *errp = xasprintf("frames of %d bytes (MTU %d) do not fit the buffers of "
                      "pool %s (buffer-size=%"PRIu32"); lower mtu_request or "
                      "use a pool with larger buffers", max_len,
                      max_len - ETH_HEADER_LEN - 4, pool->name, buffer_size);
    return EINVAL;
}

/* An NF that was attached when the last daemon ended may still be. */
static void
log_resumed(const struct netdev_chain *chain)
{
    struct vhc_port_info info;

    vhc_port_get_info(chain->port, &info);
    if (info.state == VHC_ATTACHED) {
        VLOG_INFO("%s: NF \"%s\" (pid %"PRIu32") is still attached to pool "
                  "%s, generation %"PRIu32", and holds %"PRIu32" buffers",
                  netdev_get_name(chain->netdev), info.nf, info.pid,
                  chain->pool->name, info.generation, info.owned);
    }
}

/* Opens a chain for 'netdev' and takes over '*config', even on failure. */
static int
open_chain(struct netdev *netdev, struct netdev_chain_config *config,
           netdev_chain_to_guest *to_guest, int max_len,
           const struct netdev_chain_ptr *ptr, struct netdev_chain **chainp,
           char **errp)
{
    struct netdev_chain *chain = xzalloc(sizeof *chain);
    int error = EINVAL;

    chain->netdev = netdev;
    chain->config = *config;
    chain->require = config->require;
    chain->to_guest = to_guest;
    chain->ptr = ptr;
    ovs_list_init(&chain->list_node);
    token_bucket_init(&chain->changes, 1, NETDEV_CHAIN_CHANGE_MS
                                          * NETDEV_CHAIN_CHANGES_AT_ONCE);

    if (userspace_tso_enabled()) {
        *errp = xstrdup("options:chain-pool and userspace-tso-enable exclude "
                        "each other");
    } else if ((chain->pool = netdev_chain_pool_ref(config->pool, errp))) {
        error = check_max_len(chain->pool, max_len, errp);
        if (!error && to_guest) {
            ovs_mutex_lock(&netdev_chain_mutex);
            error = open_lane(chain, max_len, errp);
            ovs_mutex_unlock(&netdev_chain_mutex);
        }
    }
    if (error) {
        netdev_chain_close(chain);
        return error;
    }

    ovs_mutex_lock(&netdev_chain_mutex);
    if (to_guest) {
        log_resumed(chain);
    }
    ovs_list_push_back(&netdev_chains, &chain->list_node);
    ovs_mutex_unlock(&netdev_chain_mutex);
    if (to_guest) {
        netdev_chain_start_control();
    }
    *chainp = chain;
    return 0;
}

/* Closes what '*ptr' held, once no thread uses it any more. */
static void
close_old(struct netdev_chain_ptr *ptr)
{
    struct netdev_chain *old = netdev_chain_ptr_get(ptr);

    if (old) {
        ovsrcu_set(&ptr->p, NULL);
        ovsrcu_synchronize();
        netdev_chain_close(old);
    }
}

/* The old lane is closed before the new one is opened, because both may want
 * the same ring file. */
static int
change(struct netdev *netdev, const struct smap *options,
       netdev_chain_to_guest *to_guest, int max_len,
       struct netdev_chain_ptr *ptr, bool *changed, char **errp)
{
    struct netdev_chain *chain = netdev_chain_ptr_get(ptr);
    struct netdev_chain_config config;
    int error;

    *errp = parse_options(options, &config);
    if (!*errp && config.pool && !to_guest) {
        *errp = check_nic_options(options);
    }
    if (*errp) {
        config_uninit(&config);
        return EINVAL;
    }
    if (chain ? config.pool && config_equal(&config, &chain->config)
              : !config.pool) {
        config_uninit(&config);
        return 0;
    }

    *changed = true;
    close_old(ptr);
    if (!config.pool) {
        config_uninit(&config);
        return 0;
    }
    error = open_chain(netdev, &config, to_guest, max_len, ptr, &chain, errp);
    if (!error) {
        ovsrcu_set(&ptr->p, chain);
    }
    return error;
}

int
netdev_chain_set_config(struct netdev *netdev, const struct smap *options,
                        netdev_chain_to_guest *to_guest, int max_len,
                        struct netdev_chain_ptr *ptr, bool *changed,
                        char **errp)
{
    char *message = NULL;
    int error = change(netdev, options, to_guest, max_len, ptr, changed,
                       &message);

    if (error) {
        VLOG_WARN("%s: %s", netdev_get_name(netdev), message);
        if (errp) {
            *errp = message;
            return error;
        }
    }
    free(message);
    return error;
}

/* Makes the data path take nothing from NFs: what they send stays in their
 * rings, until these have no more room. */
static void
set_holding(bool hold)
{
    atomic_store_relaxed(&holding, hold);
}

static bool
is_holding(void)
{
    bool hold;

    atomic_read_relaxed(&holding, &hold);
    return hold;
}

/* A daemon that is started with other_config:flow-restore-wait has no flows
 * until the key goes, and would drop what its NFs have sent meanwhile.  As in
 * ofproto, the key means nothing from then on. */
void
netdev_chain_wait_for_flows(const struct smap *other_config)
{
    static bool waiting = true;

    if (waiting) {
        waiting = smap_get_bool(other_config, "flow-restore-wait", false);
        if (!waiting && is_holding()) {
            VLOG_INFO("the flows are restored: NFs are polled");
        }
        set_holding(waiting);
    }
}

/* The ports go one by one, and those that are left would send to those that
 * are gone.  When all threads have quiesced, they have passed on what they had
 * in hand. */
void
netdev_chain_exit(void)
{
    set_holding(true);
    ovsrcu_synchronize();
    ovs_mutex_lock(&netdev_chain_mutex);
    exiting = true;
    netdev_chain_pools_leave();
    ovs_mutex_unlock(&netdev_chain_mutex);
}

void
netdev_chain_close(struct netdev_chain *chain)
{
    if (!chain) {
        return;
    }
    ovs_mutex_lock(&netdev_chain_mutex);
    ovs_list_remove(&chain->list_node);
    if (exiting) {
        vhc_port_abandon(chain->port);
    } else {
        vhc_port_close(chain->port, false);
    }
    ovs_mutex_unlock(&netdev_chain_mutex);

    netdev_chain_guest_uninit(chain);
    netdev_chain_pool_unref(chain->pool);
    config_uninit(&chain->config);
    free(chain);
}

int
netdev_chain_set_max_len(struct netdev_chain *chain, int max_len)
{
    char *message;
    int error;

    if (!chain) {
        return 0;
    }
    error = check_max_len(chain->pool, max_len, &message);
    if (error) {
        VLOG_WARN("%s: %s", netdev_get_name(chain->netdev), message);
        free(message);
    } else if (chain->port) {
        ovs_mutex_lock(&netdev_chain_mutex);
        vhc_port_set_max_len(chain->port, max_len);
        ovs_mutex_unlock(&netdev_chain_mutex);
    }
    return error;
}

/* Data path. */

int
netdev_chain_n_queues(const struct netdev_chain *chain)
{
    return chain && chain->port ? chain->config.n_queues : 0;
}

bool
netdev_chain_is_attached(const struct netdev_chain *chain)
{
    return chain && chain->port && vhc_port_is_attached(chain->port);
}

bool
netdev_chain_requires_nf(const struct netdev_chain *chain)
{
    return chain && chain->port && chain->require;
}

int
netdev_chain_recv(struct netdev_chain *chain, int qid, bool others,
                  struct dp_packet_batch *batch)
{
    unsigned int n;
    uint8_t turn;

    if (qid >= chain->config.n_queues || OVS_UNLIKELY(is_holding())) {
        return 0;
    }
    if (others && chain->turn[qid] >= MAX_TURNS) {
        chain->turn[qid] = 0;
        return 0;
    }

    n = vhc_port_rx(chain->port, qid, (struct rte_mbuf **) batch->packets,
                    NETDEV_MAX_BURST);
    turn = n ? chain->turn[qid] + others : 0;
    if (turn != chain->turn[qid]) { /* Others read this cache line. */
        chain->turn[qid] = turn;
    }
    batch->has_pkt_mark = n > 0;
    return n;
}

int
netdev_chain_send(struct netdev_chain *chain, int qid,
                  struct rte_mbuf **pkts, int n, bool *wake)
{
    n = vhc_port_tx(chain->port, qid, pkts, n);
    *wake = vhc_port_wants_frame(chain->port, qid);
    return n;
}

#endif /* HAVE_VHOST_CHAIN */
