/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "port-private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long to wait, in microseconds: for the switch to notice that the last
 * NF left, to take what was sent, and to notice that this NF leaves.  Each is
 * over in a few milliseconds if the switch lives. */
#define LEFT_BEFORE_US 20000
#define DRAIN_US 20000
#define LEAVE_US 100000

/* How long, in microseconds, before a request gets a new number.  A switch
 * that starts takes the request that it finds in the file for an answered
 * one. */
#define RENEW_US 250000

/* Sleeps between two looks at shared memory, in microseconds. */
#define FIRST_NAP_US 20
#define LAST_NAP_US 1000

struct nap {
    uint64_t deadline;          /* In microseconds. */
    unsigned int us;            /* Of the next nap. */
    const int *stop;            /* NULL or as in nf_port_options. */
};

static uint64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static struct nap
nap_init(uint64_t timeout_us, const int *stop)
{
    return (struct nap) {
        .deadline = timeout_us == UINT64_MAX ? UINT64_MAX
                    : now_us() + timeout_us,
        .us = FIRST_NAP_US,
        .stop = stop,
    };
}

/* Sleeps a little, longer each time.  Returns 0, ETIMEDOUT or EINTR. */
static int
nap(struct nap *n)
{
    struct timespec ts = { .tv_nsec = n->us * 1000 };

    if (n->stop && __atomic_load_n(n->stop, __ATOMIC_ACQUIRE)) {
        return EINTR;
    }
    if (now_us() >= n->deadline) {
        return ETIMEDOUT;
    }
    nanosleep(&ts, NULL);
    n->us = n->us * 2 < LAST_NAP_US ? n->us * 2 : LAST_NAP_US;
    return 0;
}

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

static const char *
reason_text(uint32_t reason)
{
    static const char *const texts[] = {
#define VHC_REASON(NAME, TEXT) TEXT,
        VHC_REASONS
#undef VHC_REASON
    };

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
               "options:chain-pool names";
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
clear_last_nf(struct nf_port *port)
{
    if (host_state(port->host) == VHC_ATTACHED) {
        struct nap n = nap_init(LEFT_BEFORE_US, NULL);

        __atomic_store_n(&port->nf->request, 0, __ATOMIC_RELEASE);
        while (host_state(port->host) == VHC_ATTACHED && !nap(&n)) {
            continue;
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
    uint32_t number = now_us() ^ (uint32_t) getpid() << 16;

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

    store(&nf->abi_version, VHC_ABI_VERSION);
    store(&nf->features, VHC_NF_F_FUTEX
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
    struct nap n = nap_init(ms < 0 ? UINT64_MAX : ms * UINT64_C(1000),
                            options->stop);
    uint64_t renew = now_us() + RENEW_US;
    int error = 0;

    while (__atomic_load_n(&port->host->answer, __ATOMIC_ACQUIRE)
           != port->request && !error) {
        error = nap(&n);
        if (!error && now_us() > renew) {
            submit_request(port);
            renew = now_us() + RENEW_US;
        }
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
        uint32_t reason = load(&port->host->reason);

        return nfi_error(err, ECONNREFUSED, "port %s: the switch refused: "
                         "%s%s", name, reason_text(reason),
                         reason_hint(reason));
    }
    return 0;
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

/* References mean nothing in another pool. */
static int
check_peer(const struct nfi_ring_layout *layout,
           const struct nf_port *peer, struct nf_error *err)
{
    if (peer && memcmp(layout->pool_uuid, peer->info.pool_uuid,
                       VHC_UUID_SIZE)) {
        return nfi_error(err, EXDEV, "port %s uses pool \"%s\" and port %s "
                         "pool \"%s\": the two ports of an NF must use the "
                         "same pool", peer->info.port, peer->info.pool,
                         layout->port_name, layout->pool_name);
    }
    return 0;
}

static struct nf_port *
port_create(const struct nfi_mapping *map)
{
    struct nf_port *port = calloc(1, sizeof *port);

    if (!port) {
        return NULL;
    }
    port->map = *map;
    port->host = map->ring;
    port->nf = (void *) ((char *) map->ring + VHC_CTRL_NF_OFF);
    port->pool = map->pool;
    port->layout = map->pool_layout;
    port->n_queues = map->ring_layout.n_queues;
    port->info = (struct nf_port_info) {
        .n_queues = port->n_queues,
        .ring_size = map->ring_layout.ring_size,
        .headroom = map->pool_layout.headroom,
        .buffer_size = map->pool_layout.stride,
    };
    memcpy(port->info.port, map->ring_layout.port_name, VHC_NAME_SIZE);
    memcpy(port->info.pool, map->ring_layout.pool_name, VHC_NAME_SIZE);
    memcpy(port->info.pool_uuid, map->ring_layout.pool_uuid, VHC_UUID_SIZE);
    return port;
}

int
nfi_port_attach(struct nfi_mapping *map,
                const struct nf_port_options *options,
                struct nf_port **portp, struct nf_error *err)
{
    struct nf_port *port;
    int error = check_peer(&map->ring_layout, options->peer, err);

    *portp = NULL;
    port = error ? NULL : port_create(map);
    if (!port) {
        nfi_mapping_close(map);
        return error ? error : nfi_error(err, ENOMEM, "out of memory");
    }

    clear_last_nf(port);
    write_request(port, options);
    error = check_answer(port, options, err);
    if (!error) {
        error = accept_grant(port, err);
    }
    if (error) {
        __atomic_store_n(&port->nf->request, 0, __ATOMIC_RELEASE);
        nfi_mapping_close(&port->map);
        free(port);
        return error;
    }
    *portp = port;
    return 0;
}

int
nf_port_open(const char *ring_path, const struct nf_port_options *options,
             struct nf_port **portp, struct nf_error *err)
{
    static const struct nf_port_options defaults;
    struct nfi_mapping map;
    int error;

    *portp = NULL;
    if (!options) {
        options = &defaults;
    }
    error = nfi_mapping_open_files(&map, ring_path, options->pool_path,
                                   options->read_only, err);
    return error ? error : nfi_port_attach(&map, options, portp, err);
}

static bool
all_taken(const struct nf_port *port)
{
    for (uint32_t i = 0; i < port->n_queues; i++) {
        const struct vhc_prod *tx = &port->queues[i].tx;

        if (__atomic_load_n(&tx->ring->cons, __ATOMIC_ACQUIRE) != tx->prod) {
            return false;
        }
    }
    return true;
}

void
nfi_port_drain(const struct nf_port *port)
{
    struct nap n = nap_init(DRAIN_US, NULL);

    while (nfi_port_is_attached(port) && !all_taken(port) && !nap(&n)) {
        continue;
    }
}

void
nf_port_close(struct nf_port *port)
{
    struct nap n;

    if (!port) {
        return;
    }

    nfi_port_drain(port);
    __atomic_store_n(&port->nf->request, 0, __ATOMIC_RELEASE);
    n = nap_init(LEAVE_US, NULL);
    while (nfi_port_is_attached(port) && !nap(&n)) {
        continue;
    }
    nfi_mapping_close(&port->map);
    free(port);
}

bool
nfi_port_is_abandoned(struct nf_port *port)
{
    uint32_t tick = load(&port->host->tick);
    bool moved = tick != port->host_tick;

    port->host_tick = tick;
    return !moved && nfi_mapping_is_removed(&port->map);
}

const struct nf_port_info *
nf_port_info(const struct nf_port *port)
{
    return &port->info;
}

const struct nf_port_stats *
nf_port_stats(const struct nf_port *port)
{
    return &port->stats;
}

int
nf_port_status(const struct nf_port *port, struct nf_error *err)
{
    const char *name = port->info.port;

    if (!nfi_port_is_attached(port)) {
        return nfi_error(err, ENOTCONN, "port %s: %s", name,
                         reason_text(load(&port->host->reason)));
    }
    for (uint32_t i = 0; i < port->n_queues; i++) {
        const struct nfi_queue *q = &port->queues[i];

        if (q->rx.bad || q->tx.bad || q->fill.bad) {
            return nfi_error(err, EPROTO, "port %s: an index of the switch "
                             "was impossible", name);
        }
    }
    return 0;
}
