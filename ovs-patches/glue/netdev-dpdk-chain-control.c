/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#ifdef HAVE_VHOST_CHAIN

#include "netdev-dpdk-chain-private.h"

#include "netdev-provider.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(netdev_dpdk_chain_control);

/* An NF that comes and goes all the time must not fill the log. */
static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

/* How often the control thread looks at each port.  An NF waits this long, at
 * most, for its attachment. */
#define CONTROL_INTERVAL_MS 2

struct ovs_mutex netdev_chain_mutex = OVS_MUTEX_INITIALIZER;
struct ovs_list netdev_chains = OVS_LIST_INITIALIZER(&netdev_chains);

static void
log_event(const struct netdev_chain *chain, enum vhc_port_event event)
{
    const char *name = netdev_get_name(chain->netdev);
    struct vhc_port_info info;

    vhc_port_get_info(chain->port, &info);
    if (event == VHC_PORT_ATTACHED) {
        VLOG_INFO_RL(&rl, "%s: NF \"%s\" (pid %"PRIu32") attached to pool "
                     "%s, generation %"PRIu32, name, info.nf, info.pid,
                     chain->pool->name, info.generation);
    } else if (event == VHC_PORT_REFUSED) {
        VLOG_WARN_RL(&rl, "%s: refused NF \"%s\" (pid %"PRIu32"): %s", name,
                     info.nf, info.pid, vhc_reason_text(info.reason));
    } else if (event == VHC_PORT_STALLED) {
        VLOG_WARN_RL(&rl, "%s: NF \"%s\" (pid %"PRIu32") takes no packets "
                     "any more: its link is down until it does", name,
                     info.nf, info.pid);
    } else if (event == VHC_PORT_DRAINS) {
        VLOG_INFO_RL(&rl, "%s: NF \"%s\" (pid %"PRIu32") takes packets again",
                     name, info.nf, info.pid);
    } else if (event == VHC_PORT_DETACHING) {
        VLOG_INFO_RL(&rl, "%s: NF \"%s\" (pid %"PRIu32") is gone: %s", name,
                     info.nf, info.pid, vhc_reason_text(info.reason));
    }
}

static void
handle_event(struct netdev_chain *chain, enum vhc_port_event event)
    OVS_REQUIRES(netdev_chain_mutex)
{
    log_event(chain, event);
    chain->waiting = event == VHC_PORT_DETACHING || event == VHC_PORT_LINKING;
    if (event == VHC_PORT_ATTACHED || event == VHC_PORT_REFUSED
        || event == VHC_PORT_DETACHING || event == VHC_PORT_STALLED
        || event == VHC_PORT_DRAINS) {
        chain->changed = true;
    }
    if (chain->changed
        && token_bucket_withdraw(&chain->changes, NETDEV_CHAIN_CHANGE_MS)) {
        chain->changed = false;
        netdev_change_seq_changed(chain->netdev);
    }
}

/* Returns true if some port waits for RCU. */
static bool
run_ports(void)
{
    struct netdev_chain *chain;
    bool waiting = false;

    ovs_mutex_lock(&netdev_chain_mutex);
    netdev_chain_pools_run();
    netdev_chain_pools_sweep();
    LIST_FOR_EACH (chain, list_node, &netdev_chains) {
        if (chain->port) {
            netdev_chain_guest_run(chain);
            handle_event(chain, vhc_port_run(chain->port));
            waiting |= chain->waiting;
        }
    }
    ovs_mutex_unlock(&netdev_chain_mutex);
    return waiting;
}

/* Every thread has left the data path since run_ports(). */
static void
quiesce_ports(void)
{
    struct netdev_chain *chain;

    ovs_mutex_lock(&netdev_chain_mutex);
    LIST_FOR_EACH (chain, list_node, &netdev_chains) {
        if (chain->waiting) {
            handle_event(chain, vhc_port_quiesced(chain->port));
        }
    }
    ovs_mutex_unlock(&netdev_chain_mutex);
}

static void *
control_main(void *arg OVS_UNUSED)
{
    for (;;) {
        if (run_ports()) {
            ovsrcu_synchronize();
            quiesce_ports();
        }
        poll_timer_wait(CONTROL_INTERVAL_MS);
        poll_block();
    }
    OVS_NOT_REACHED();
    return NULL;
}

void
netdev_chain_start_control(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        ovs_thread_create("chain", control_main, NULL);
        ovsthread_once_done(&once);
    }
}

#endif /* HAVE_VHOST_CHAIN */
