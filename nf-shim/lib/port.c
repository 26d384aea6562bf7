/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "port-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memtype.h"
#include "nap.h"

/* How long to wait, in microseconds, for the switch to take what was sent and
 * to notice that this NF leaves.  Each is over in a few milliseconds if the
 * switch lives. */
#define DRAIN_US 20000
#define LEAVE_US 100000

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

/* The pool's first line is constant. */
static void
measure_loads(struct nf_port *port)
{
    struct nfi_load_times times;

    nfi_load_times_measure(&times, port->pool);
    port->info.load_ps = times.shared_ps;
    port->info.own_load_ps = times.private_ps;
    port->info.uncached = !nfi_load_times_are_cached(&times);
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
    memcpy(port->info.device, map->device, sizeof port->info.device);
    port->wake.fd = -1;
    if (nfi_port_is_guest(port)) {
        measure_loads(port);
    }
    return port;
}

static void
port_destroy(struct nf_port *port)
{
    nfi_wake_close(&port->wake);
    nfi_mapping_close(&port->map);
    free(port);
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

    error = nfi_port_request(port, options, err);
    if (error) {
        __atomic_store_n(&port->nf->request, 0, __ATOMIC_RELEASE);
        port_destroy(port);
        return error;
    }
    if (nfi_port_is_guest(port)) {
        nfi_wake_open(&port->wake, port->token);
    }
    *portp = port;
    return 0;
}

int
nfi_port_map(struct nfi_mapping *map, const char *ring,
             const struct nf_port_options *options, struct nf_error *err)
{
    if (ring && strchr(ring, '/')) {
        return nfi_mapping_open_files(map, ring, options->pool_path,
                                      options->read_only, err);
    }
    if (options->pool_path) {
        return nfi_error(err, EINVAL, "a pool file is for ports that are "
                         "named by their ring files, with a '/'; among PCI "
                         "devices the pool is found by itself");
    }
    return nfi_mapping_open_device(map, options->pci_path, ring,
                                   options->read_only, err);
}

int
nf_port_open(const char *ring, const struct nf_port_options *options,
             struct nf_port **portp, struct nf_error *err)
{
    static const struct nf_port_options defaults;
    struct nfi_mapping map;
    int error;

    *portp = NULL;
    if (!options) {
        options = &defaults;
    }
    error = nfi_port_map(&map, ring, options, err);
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
nfi_port_drain(struct nf_port *port)
{
    struct nfi_nap n = nfi_nap_init(DRAIN_US, NULL);

    while (nfi_port_is_attached(port) && !all_taken(port) && !nfi_nap(&n)) {
        nfi_port_keep(port);
    }
}

void
nf_port_close(struct nf_port *port)
{
    struct nfi_nap n;

    if (!port) {
        return;
    }

    nfi_port_drain(port);
    __atomic_store_n(&port->nf->request, 0, __ATOMIC_RELEASE);
    n = nfi_nap_init(LEAVE_US, NULL);
    while (nfi_port_is_attached(port) && !nfi_nap(&n)) {
        continue;
    }
    port_destroy(port);
}

bool
nfi_port_is_abandoned(struct nf_port *port)
{
    uint32_t tick = __atomic_load_n(&port->host->tick, __ATOMIC_RELAXED);
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
                         nfi_reason_text(port));
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
