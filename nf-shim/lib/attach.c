/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "port-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "nap.h"

/* The handshake with the switch. */

/* How long to wait, in microseconds, for the switch to notice that the last NF
 * left; it takes a few milliseconds if the switch lives. */
#define LEFT_BEFORE_US 20000

/* How long, in microseconds, before a request gets a new number.  A switch
 * that starts takes the request that it finds in the file for an answered
 * one. */
#define RENEW_US 250000

static void
store(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static uint32_t
load(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static uint32_t
host_state(const struct vhc_ctrl_host *host)
{
    return __atomic_load_n(&host->state, __ATOMIC_ACQUIRE);
}

const char *
nfi_reason_text(const struct nf_port *port)
{
    static const char *const texts[] = {
#define VHC_REASON(NAME, TEXT) TEXT,
        VHC_REASONS
#undef VHC_REASON
    };
    uint32_t reason = load(&port->host->reason);

    return reason < VHC_N_REASONS ? texts[reason]
           : "a reason that this NF does not know";
}

/* Returns what a user can do about 'reason'. */
static const char *
reason_hint(uint32_t reason)
{
    switch (reason) {
    case VHC_REASON_ABI:
    case VHC_REASON_FEATURES:
    case VHC_REASON_RESERVED:
    case VHC_REASON_INDICES:
        return ": use an NF of the switch's release";
    case VHC_REASON_POOL:
        return ": give --pool the file of the pool that the port's "
               "options:chain-pool names, or the VM the port's devices anew";
    case VHC_REASON_QUEUES:
        return ": start it again, it reads the number from the ring file";
    default:
        return "";
    }
}

static struct vhc_ring *
ring_at(const struct nfi_mapping *map, uint32_t queue,
        enum vhc_ring_role role)
{
    return (void *) ((char *) map->ring
                     + nfi_ring_offset(&map->ring_layout, queue, role));
}

/* An NF that was killed has left its request and its indices behind.  Lets
 * the switch notice that it is gone before the indices change, which would
 * look like corruption. */
static void
clear_last_nf(struct nf_port *port, const struct nf_port_options *options)
{
    if (host_state(port->host) == VHC_ATTACHED) {
        struct nfi_nap n = nfi_nap_init(LEFT_BEFORE_US, NULL);

        __atomic_store_n(&port->nf->request, 0, __ATOMIC_RELEASE);
        while (host_state(port->host) == VHC_ATTACHED && !nfi_nap(&n)) {
            nfi_port_keep(options->peer);
        }
    }
    for (uint32_t i = 0; i < port->n_queues; i++) {
        store(&ring_at(&port->map, i, VHC_RX)->cons, 0);
        store(&ring_at(&port->map, i, VHC_TX)->prod, 0);
        store(&ring_at(&port->map, i, VHC_FILL)->cons, 0);
    }
}

/* Returns a number that neither the last NF nor the switch has used.  The
 * switch remembers the last number that it answered, which may be in the file
 * no more, so the numbers come from the clock. */
static uint32_t
new_request(const struct nf_port *port)
{
    uint32_t number = nfi_now_us() ^ (uint32_t) getpid() << 16;

    while (!number || number == load(&port->nf->request)
           || number == load(&port->host->answer)) {
        number++;
    }
    return number;
}

static void
submit_request(struct nf_port *port)
{
    port->request = new_request(port);
    __atomic_store_n(&port->nf->request, port->request, __ATOMIC_RELEASE);
}

static void
write_request(struct nf_port *port, const struct nf_port_options *options)
{
    struct vhc_ctrl_nf *nf = port->nf;
    const char *name = options->name ? options->name : "nf";

    port->polls = options->polls && !nfi_port_is_guest(port);
    store(&nf->abi_version, VHC_ABI_VERSION);
    store(&nf->features, nfi_port_is_guest(port) ? VHC_NF_F_FRAME
                         : (port->polls ? 0 : VHC_NF_F_FUTEX)
                           | (port->map.locked ? VHC_NF_F_LOCK : 0));
    store(&nf->n_queues, port->n_queues);
    memcpy(nf->pool_uuid, port->map.ring_layout.pool_uuid, VHC_UUID_SIZE);
    store(&nf->fill_level, options->fill_level);
    store(&nf->pid, getpid());
    __atomic_store_n(&nf->peer_token, options->peer ? options->peer->token : 0,
                     __ATOMIC_RELAXED);
    memset(nf->reserved0, 0, sizeof nf->reserved0);
    memset(nf->name, 0, sizeof nf->name);
    memcpy(nf->name, name, strnlen(name, sizeof nf->name - 1));
    store(&nf->need_wakeup, 0);
    store(&nf->tick, 0);
    submit_request(port);
}

/* Waits until the switch has answered.  Returns 0, ETIMEDOUT or EINTR. */
static int
await_answer(struct nf_port *port, const struct nf_port_options *options)
{
    int ms = options->timeout_ms ? options->timeout_ms : NF_DEFAULT_TIMEOUT_MS;
    struct nfi_nap n = nfi_nap_init(ms < 0 ? UINT64_MAX : ms * UINT64_C(1000),
                            options->stop);
    uint64_t renew = nfi_now_us() + RENEW_US;
    int error = 0;

    while (__atomic_load_n(&port->host->answer, __ATOMIC_ACQUIRE)
           != port->request && !error) {
        nfi_port_keep(options->peer);
        error = nfi_nap(&n);
        if (!error && nfi_now_us() > renew) {
            submit_request(port);
            renew = nfi_now_us() + RENEW_US;
        }
    }
    return error;
}

/* Makes sure that the ring file is laid out as when it was mapped: the port
 * may have been configured anew while its last NF waited. */
static int
check_layout(const struct nf_port *port, struct nf_error *err)
{
    struct nfi_ring_layout layout;
    int error = nfi_ring_layout_init(&layout, port->map.ring,
                                     port->map.ring_size, port->info.port,
                                     err);

    if (!error && memcmp(&layout, &port->map.ring_layout, sizeof layout)) {
        error = nfi_error(err, EINVAL, "port %s was configured anew: try "
                          "again", port->info.port);
    }
    return error;
}

static int
check_answer(struct nf_port *port, const struct nf_port_options *options,
             struct nf_error *err)
{
    const char *name = port->info.port;
    int error = await_answer(port, options);

    if (error == ETIMEDOUT) {
        return nfi_error(err, error, "port %s: the switch does not answer (is "
                         "the port configured and ovs-vswitchd running?)",
                         name);
    } else if (error) {
        return nfi_error(err, error, "port %s: stopped while waiting for the "
                         "switch", name);
    }

    if (host_state(port->host) != VHC_ATTACHED) {
        error = check_layout(port, err);
        if (error) {
            return error;
        }
        return nfi_error(err, ECONNREFUSED, "port %s: the switch refused: "
                         "%s%s", name, nfi_reason_text(port),
                         reason_hint(load(&port->host->reason)));
    }
    return 0;
}

/* Takes what the switch granted. */
static int
accept_grant(struct nf_port *port, struct nf_error *err)
{
    const struct vhc_ctrl_host *host = port->host;
    struct nf_port_info *info = &port->info;
    int error = check_layout(port, err);

    if (error) {
        return error;
    }

    info->generation = load(&host->generation);
    info->credits = load(&host->credits);
    info->max_len = load(&host->max_len);
    if (load(&host->access) != VHC_READ_WRITE) {
        error = nfi_mapping_protect(&port->map);
        if (error) {
            return nfi_error(err, error, "cannot make the pool read-only: %s",
                             strerror(error));
        }
    }
    info->read_only = port->map.read_only;

    port->generation = info->generation;
    port->token = __atomic_load_n(&host->token, __ATOMIC_RELAXED);
    port->room = info->read_only ? 0 : info->buffer_size;
    for (uint32_t i = 0; i < port->n_queues; i++) {
        struct nfi_queue *q = &port->queues[i];
        uint32_t size = info->ring_size;

        vhc_cons_init(&q->rx, ring_at(&port->map, i, VHC_RX), size);
        vhc_prod_init(&q->tx, ring_at(&port->map, i, VHC_TX), size);
        vhc_cons_init(&q->fill, ring_at(&port->map, i, VHC_FILL), size);
    }
    return 0;
}

int
nfi_port_request(struct nf_port *port, const struct nf_port_options *options,
                 struct nf_error *err)
{
    int error;

    clear_last_nf(port, options);
    write_request(port, options);
    error = check_answer(port, options, err);
    return error ? error : accept_grant(port, err);
}
