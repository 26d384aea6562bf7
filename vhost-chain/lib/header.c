/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "header.h"

#include <stdio.h>
#include <string.h>

#include "port-private.h"

/* Makes 'shared', 'size' bytes that NFs can write to, what 'good' is.  Returns
 * true if it was not. */
static bool
repair(void *shared, const void *good, size_t size)
{
    if (!memcmp(shared, good, size)) {
        return false;
    }
    memcpy(shared, good, size);
    return true;
}

/* The magic goes in last: an NF that finds it finds the rest.  Whatever an NF
 * of an earlier switch left behind as a request is not answered, unless that
 * switch had attached it: then each field has its value already, and at no
 * time another one. */
void
vhc_header_write(struct vhc_port *port)
{
    const struct vhc_port_config *config = &port->config;
    bool resumed = port->attach.state == VHC_ATTACHED;
    struct vhc_ctrl_host *host = port->host;
    struct vhc_ctrl_host new = {
        .magic = resumed ? VHC_RING_MAGIC : 0,
        .abi_version = VHC_ABI_VERSION,
        .size = port->file.size,
        .n_queues = config->n_queues,
        .ring_size = config->ring_size,
        .ring_bytes = port->ring_bytes,
        .rings_off = VHC_RINGS_OFF,
        .token = port->token,
        .answer = resumed ? port->attach.number : 0,
        .state = resumed ? VHC_ATTACHED : VHC_DETACHED,
        .reason = port->attach.reason,
        .generation = port->attach.generation,
        .access = config->access,
        .credits = config->credits,
        .max_len = config->max_len,
    };

    memcpy(new.pool_uuid, port->pool->uuid, sizeof new.pool_uuid);
    snprintf(new.pool_name, sizeof new.pool_name, "%s", port->pool->name);
    snprintf(new.port_name, sizeof new.port_name, "%s", config->name);
    if (port->file.existed) {
        new.wake_seq = __atomic_load_n(&host->wake_seq, __ATOMIC_RELAXED);
        new.tick = port->tick = __atomic_load_n(&host->tick,
                                                __ATOMIC_RELAXED);
    }
    __atomic_store_n(&host->magic, new.magic, __ATOMIC_RELEASE);
    *host = new;
    __atomic_store_n(&host->magic, VHC_RING_MAGIC, __ATOMIC_RELEASE);

    port->header = new;
    port->header.magic = VHC_RING_MAGIC;
}

void
vhc_header_publish(struct vhc_port *port)
{
    vhc_attach_publish(&port->attach, &port->header);
    vhc_attach_publish(&port->attach, port->host);
}

void
vhc_header_set_token(struct vhc_port *port, uint64_t token)
{
    port->header.token = token;
    __atomic_store_n(&port->host->token, token, __ATOMIC_RELAXED);
}

void
vhc_header_set_max_len(struct vhc_port *port, uint32_t max_len)
{
    port->header.max_len = max_len;
    __atomic_store_n(&port->host->max_len, max_len, __ATOMIC_RELAXED);
}

/* From 'tick' on it changes by itself.  A file that somebody truncated reads
 * as zeros: that is not to be repaired here. */
void
vhc_header_repair(struct vhc_port *port)
{
    size_t size = offsetof(struct vhc_ctrl_host, tick);

    if (!vhc_shmfile_is_lost(&port->file)) {
        port->repairs += repair(port->host, &port->header, size);
    }
}

/* The magic goes in last here, too.  In a pool that was found again it is
 * there, for NFs that are attached or about to be, and nothing changes; unless
 * an NF wrote to it, so nothing is read. */
void
vhc_superblock_write(struct vhc_pool *pool)
{
    struct vhc_pool_sb *sb = (struct vhc_pool_sb *) pool->base;
    const struct vhc_geometry *g = &pool->geometry;
    struct vhc_pool_sb new = {
        .magic = pool->ledger.recovered ? VHC_POOL_MAGIC : 0,
        .abi_version = VHC_ABI_VERSION,
        .size = g->size,
        .page_size = g->page_size,
        .direct_off = g->direct_off,
        .direct_size = g->direct_size,
        .stride = g->stride,
        .id_shift = g->id_shift,
        .n_ids = g->n_ids,
        .n_buffers = g->n_buffers,
        .headroom = VHC_HEADROOM,
        .buffer_size = g->buffer_size,
    };

    memcpy(new.uuid, pool->uuid, sizeof new.uuid);
    snprintf(new.name, sizeof new.name, "%s", pool->name);
    __atomic_store_n(&sb->magic, new.magic, __ATOMIC_RELEASE);
    *sb = new;
    __atomic_store_n(&sb->magic, VHC_POOL_MAGIC, __ATOMIC_RELEASE);

    pool->sb = new;
    pool->sb.magic = VHC_POOL_MAGIC;
}

bool
vhc_pool_run(struct vhc_pool *pool)
{
    bool repaired = !vhc_shmfile_is_lost(&pool->file)
                    && repair(pool->base, &pool->sb, sizeof pool->sb);

    pool->repairs += repaired;
    return repaired;
}
