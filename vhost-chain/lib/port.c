/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vhc/port.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_malloc.h>

#include "error.h"
#include "header.h"
#include "port-private.h"
#include "record.h"
#include "resume.h"

/* Bytes.  libvirt's <shmem> takes no less; the rest of a file is a hole. */
#define MIN_FILE_SIZE (1 << 20)

static size_t
file_size(const struct vhc_port_config *config)
{
    size_t used = VHC_RINGS_OFF
        + (size_t) config->n_queues * VHC_N_RINGS
          * vhc_ring_bytes(config->ring_size);
    size_t size = MIN_FILE_SIZE;

    while (size < used) {
        size *= 2;
    }
    return size;
}

static int
check_config(const struct vhc_pool *pool,
             const struct vhc_port_config *config, char **errp)
{
    uint32_t reserve = pool->geometry.n_buffers / 8;
    uint32_t left = pool->geometry.n_buffers - reserve - pool->credits;

    if (!config->name[0] || strlen(config->name) >= VHC_NAME_SIZE
        || strchr(config->name, '/')) {
        return vhc_error(errp, EINVAL, "\"%s\" cannot be in the name of a "
                         "ring file: 1 to %d characters and no '/'",
                         config->name, VHC_NAME_SIZE - 1);
    }
    if (config->file && (!config->file[0] || strchr(config->file, '/'))) {
        return vhc_error(errp, EINVAL, "ring file \"%s\" is not a plain file "
                         "name: it lies in %s", config->file, pool->link_dir);
    }
    if (config->n_queues < 1 || config->n_queues > VHC_MAX_QUEUES) {
        return vhc_error(errp, EINVAL, "%u queues are not between 1 and %d",
                         config->n_queues, VHC_MAX_QUEUES);
    }
    if (!vhc_is_pow2(config->ring_size)
        || config->ring_size > VHC_MAX_RING_SIZE) {
        return vhc_error(errp, EINVAL, "ring size %u is not a power of two "
                         "up to %d", config->ring_size,
                         VHC_MAX_RING_SIZE);
    }
    if (config->max_len < VHC_MIN_FRAME) {
        return vhc_error(errp, EINVAL, "frames of %u bytes are less than an "
                         "Ethernet header", config->max_len);
    }
    if (config->max_len > pool->geometry.buffer_size) {
        return vhc_error(errp, EINVAL, "frames of %u bytes do not fit the "
                         "buffers of pool %s (buffer-size=%u); lower the MTU "
                         "or make a pool with larger buffers",
                         config->max_len, pool->name,
                         pool->geometry.buffer_size);
    }
    if (config->credits > left) {
        return vhc_error(errp, ENOSPC, "%u credits are more than pool %s has "
                         "left to promise: %u of %u buffers", config->credits,
                         pool->name, left, pool->geometry.n_buffers);
    }
    return 0;
}

static uint32_t
default_credits(const struct vhc_pool *pool, uint32_t ring_size)
{
    uint32_t share = pool->geometry.n_buffers / 16;

    return share < 2 * ring_size ? share : 2 * ring_size;
}

static int
open_file(struct vhc_port *port, char **errp)
{
    const struct vhc_pool *pool = port->pool;
    const struct vhc_port_config *config = &port->config;
    char path[PATH_MAX];
    struct stat st;
    int error;

    if (config->file) {
        snprintf(path, sizeof path, "%s/%s", pool->link_dir, config->file);
    } else {
        snprintf(path, sizeof path, "%s/ovs-chain.%s.%s", pool->link_dir,
                 pool->name, config->name);
    }
    error = vhc_shmfile_open(&port->file, path, file_size(config), pool->gid,
                             0660, errp);
    error = error ? error : vhc_shmfile_map(&port->file, 0, errp);
    if (!error && fstat(port->file.fd, &st)) {
        error = vhc_error(errp, errno, "%s: %s", path, strerror(errno));
    }
    if (!error) {
        port->inode = st.st_ino;
        port->host = (struct vhc_ctrl_host *) port->file.base;
        port->nf = (struct vhc_ctrl_nf *) (port->file.base + VHC_CTRL_NF_OFF);
    }
    return error;
}

/* Gives the port slots: those that it had, with the NF that was attached, or
 * fresh ones. */
static int
take_slots(struct vhc_port *port, char **errp)
{
    uint32_t slot = vhc_resume_find(port);
    int error;

    port->attach.reason = VHC_REASON_CLOSED;
    if (port->file.existed) {
        port->attach.generation = __atomic_load_n(&port->host->generation,
                                                  __ATOMIC_RELAXED);
        port->attach.number = __atomic_load_n(&port->nf->request,
                                              __ATOMIC_RELAXED);
    }
    if (slot) {
        vhc_slots_adopt(port, slot);
        vhc_resume(port);
        return 0;
    }
    error = vhc_slots_take(port, errp);
    if (!error) {
        vhc_record_open(port);
    }
    return error;
}

static int
copy_config(struct vhc_port *port, const struct vhc_port_config *config)
{
    port->config = *config;
    port->config.name = strdup(config->name);
    port->config.file = config->file ? strdup(config->file) : NULL;
    if (!config->credits) {
        port->config.credits = default_credits(port->pool, config->ring_size);
    }
    port->max_len = config->max_len;
    port->ring_bytes = vhc_ring_bytes(config->ring_size);
    return port->config.name && !port->config.file == !config->file
           ? 0 : ENOMEM;
}

static int
make_queues(struct vhc_port *port, char **errp)
{
    uint32_t n = port->config.n_queues;

    port->queues = rte_zmalloc("vhc_queues", n * sizeof *port->queues,
                               RTE_CACHE_LINE_SIZE);
    if (!port->queues) {
        return vhc_error(errp, ENOMEM, "no memory for %u queues; give DPDK "
                         "more (other_config:dpdk-socket-mem)", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        port->queues[i].limits = (struct vhc_limits) {
            .owner = port->pool->owner,
            .n_ids = port->pool->geometry.n_ids,
            .room = port->pool->geometry.stride,
            .max_len = port->config.max_len,
        };
    }
    return 0;
}

static void
free_port(struct vhc_port *port, bool remove)
{
    vhc_shmfile_close(&port->file, remove);
    rte_free(port->queues);
    free((char *) port->config.name);
    free((char *) port->config.file);
    free(port);
}

int
vhc_port_open(struct vhc_pool *pool, const struct vhc_port_config *config,
              struct vhc_port **portp, char **errp)
{
    struct vhc_port *port;
    int error;

    *portp = NULL;
    port = calloc(1, sizeof *port);
    if (!port) {
        return vhc_error(errp, ENOMEM, "out of memory");
    }
    port->pool = pool;

    error = copy_config(port, config);
    if (error) {
        vhc_error(errp, error, "out of memory");
    }
    error = error ? error : check_config(pool, &port->config, errp);
    error = error ? error : make_queues(port, errp);
    error = error ? error : open_file(port, errp);
    error = error ? error : take_slots(port, errp);
    if (error) {
        free_port(port, !port->file.existed);
        return error;
    }
    pool->credits += port->config.credits;
    vhc_header_write(port);
    vhc_resume_start(port);
    *portp = port;
    return 0;
}

void
vhc_port_close(struct vhc_port *port, bool remove)
{
    if (!port) {
        return;
    }
    __atomic_store_n(&port->attached, false, __ATOMIC_RELEASE);
    vhc_port_widow_peers(port);
    if (port->attach.state == VHC_ATTACHED) {
        port->attach.state = VHC_DETACHED;
        port->attach.reason = VHC_REASON_CLOSED;
    }

    /* Without a record, no switch would know that there is an NF to tell. */
    vhc_header_publish(port);
    vhc_record_close(port);
    vhc_slots_release(port);
    port->pool->credits -= port->config.credits;
    if (port->widowed) {
        vhc_slots_reclaim_orphans(port);
    }
    free_port(port, remove);
}

void
vhc_port_abandon(struct vhc_port *port)
{
    if (port) {
        __atomic_store_n(&port->attached, false, __ATOMIC_RELEASE);
        vhc_port_part_peers(port);
        vhc_slots_abandon(port);
        port->pool->credits -= port->config.credits;
        free_port(port, false);
    }
}

void
vhc_port_set_max_len(struct vhc_port *port, uint32_t max_len)
{
    port->config.max_len = max_len;
    for (uint32_t i = 0; i < port->config.n_queues; i++) {
        __atomic_store_n(&port->queues[i].limits.max_len, max_len,
                         __ATOMIC_RELAXED);
    }
    __atomic_store_n(&port->max_len, max_len, __ATOMIC_RELAXED);
    vhc_header_set_max_len(port, max_len);
}
