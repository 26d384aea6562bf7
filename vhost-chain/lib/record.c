/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "record.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "port-private.h"

static struct vhc_record *
record_at(const struct vhc_pool *pool, uint32_t slot)
{
    return &pool->ledger.records[slot];
}

struct vhc_record *
vhc_port_record(const struct vhc_port *port)
{
    return record_at(port->pool, port->slot);
}

/* A store whose place among the others matters. */
static void
store_in_order(uint32_t *p, uint32_t value)
{
    vhc_ledger_order();
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
    vhc_ledger_order();
}

void
vhc_record_open(struct vhc_port *port)
{
    const struct vhc_port_config *config = &port->config;
    struct vhc_record r = {
        .n_queues = config->n_queues,
        .ring_size = config->ring_size,
        .access = config->access,
        .inode = port->inode,
    };

    snprintf(r.name, sizeof r.name, "%s", config->name);
    vhc_record_write(&port->pool->ledger, port->slot, &r);
}

/* Who names 'port' as its peer must go, too. */
static void
widow_peers(const struct vhc_port *port)
{
    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        struct vhc_record *r = record_at(port->pool, slot);

        if (r->n_queues && r->peer == port->slot) {
            store_in_order(&r->peer, VHC_PEER_GONE);
        }
    }
}

void
vhc_record_close(struct vhc_port *port)
{
    widow_peers(port);
    vhc_record_clear(&port->pool->ledger, port->slot);
}

void
vhc_record_attach(struct vhc_port *port)
{
    const struct vhc_request *req = &port->request;
    struct vhc_record *r = vhc_port_record(port);

    /* In no order: until 'attached' is set, nobody goes by the rest, and a
     * peer that names this record has none. */
    r->number = port->attach.number;
    r->generation = port->attach.generation;
    r->token = port->token;
    r->features = req->features;
    r->fill_level = req->fill_level;
    r->pid = req->pid;
    memcpy(r->nf, req->name, sizeof r->nf);
    r->peer = port->peer ? port->peer->slot : 0;
    if (port->peer) {
        vhc_port_record(port->peer)->peer = port->slot;
    }
    store_in_order(&r->attached, 1);
}

void
vhc_record_detach(struct vhc_port *port)
{
    widow_peers(port);
    store_in_order(&vhc_port_record(port)->attached, 0);
}

void
vhc_record_unlink(struct vhc_port *port)
{
    store_in_order(&vhc_port_record(port)->peer, 0);
}

void
vhc_record_widow(struct vhc_port *port)
{
    store_in_order(&vhc_port_record(port)->peer, VHC_PEER_GONE);
}

uint32_t
vhc_record_peer(const struct vhc_port *port)
{
    const struct vhc_record *r = vhc_port_record(port);
    const struct vhc_record *peer;

    if (!r->peer || r->peer == VHC_PEER_GONE) {
        return r->peer;
    }
    peer = record_at(port->pool, r->peer);
    return peer->n_queues == r->n_queues && peer->attached
           && peer->peer == port->slot ? r->peer : 0;
}
