/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vhc/pool.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "error.h"
#include "hugepages.h"
#include "pool-private.h"
#include "port-private.h"

_Static_assert(VHC_HEADROOM == RTE_PKTMBUF_HEADROOM, "see geometry.h");

/* Buffers that a PMD thread's cache of the mempool may hold. */
#define MAX_CACHE 256

static int
check_name(const char *name, char **errp)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strlen(name);

    if (len < 1 || len > 31 || strspn(name, allowed) != len) {
        return vhc_error(errp, EINVAL, "\"%s\" is not a pool name: 1 to 31 "
                         "letters, digits, '_' and '-'", name);
    }
    return 0;
}

/* The file system first: it says how large a page is. */
static int
open_files(struct vhc_pool *pool, const struct vhc_pool_config *config,
           char **errp)
{
    size_t page_size = config->page_size;
    char path[PATH_MAX];
    char *dir = NULL;
    int error = 0;

    if (!page_size) {
        error = vhc_hugepages_find(config->dir, &dir, &page_size, errp);
    } else if (!(dir = strdup(config->dir))) {
        error = vhc_error(errp, ENOMEM, "out of memory");
    }
    if (error) {
        return error;
    }

    snprintf(path, sizeof path, "%s/ovs-chain.%s", dir, pool->name);
    free(dir);
    error = vhc_geometry_init(&pool->geometry, config->size, page_size,
                              config->buffer_size, errp);
    error = error ? error : vhc_shmfile_open(&pool->file, path, config->size,
                                             pool->gid, 0660, errp);
    error = error ? error : vhc_hugepages_populate(&pool->file, page_size,
                                                   pool->node, errp);
    if (error) {
        return error;
    }
    pool->base = pool->file.base;

    snprintf(path, sizeof path, "%s/.ovs-chain.%s.owner", pool->link_dir,
             pool->name);
    error = vhc_shmfile_open(&pool->owner_file, path,
                             pool->geometry.n_ids * sizeof *pool->owner,
                             getegid(), 0600, errp);
    error = error ? error : vhc_shmfile_map(&pool->owner_file, errp);
    pool->owner = (uint16_t *) pool->owner_file.base;
    return error;
}

/* NFs look for the pool in the directory where their ring file is. */
static int
make_link(struct vhc_pool *pool, char **errp)
{
    struct stat a, b;

    if (asprintf(&pool->link, "%s/ovs-chain.%s", pool->link_dir,
                 pool->name) < 0) {
        pool->link = NULL;
        return vhc_error(errp, ENOMEM, "out of memory");
    }
    if (!stat(pool->link, &a) && !stat(pool->file.path, &b)
        && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        return 0;
    }
    if (!lstat(pool->link, &a) && S_ISLNK(a.st_mode)) {
        unlink(pool->link);
    }
    if (symlink(pool->file.path, pool->link)) {
        int error = errno;

        vhc_error(errp, error, "%s: cannot link it to %s: %s", pool->link,
                  pool->file.path, strerror(error));
        free(pool->link);
        pool->link = NULL;
        return error;
    }
    return 0;
}

static rte_iova_t
iova_of(const uint8_t *p)
{
    return (rte_eal_iova_mode() == RTE_IOVA_VA ? (rte_iova_t) (uintptr_t) p
            : rte_mem_virt2iova(p));
}

/* One part of external memory a page, so that no buffer straddles two. */
static struct rte_pktmbuf_extmem *
describe_memory(const struct vhc_pool *pool, unsigned *np)
{
    const struct vhc_geometry *g = &pool->geometry;
    uint64_t start = g->direct_off + g->direct_size;
    unsigned skip = start / g->page_size;
    unsigned n = g->size / g->page_size - skip;
    struct rte_pktmbuf_extmem *parts = calloc(n, sizeof *parts);

    for (unsigned i = 0; parts && i < n; i++) {
        unsigned first = i ? 0 : g->first;
        uint8_t *p = pool->base + (i + skip) * g->page_size
                     + (uint64_t) first * g->stride;

        parts[i].buf_ptr = p;
        parts[i].buf_iova = iova_of(p);
        parts[i].buf_len = (size_t) (g->per_page - first) * g->stride;
        parts[i].elt_size = g->stride;
    }
    *np = n;
    return parts;
}

static int
register_memory(struct vhc_pool *pool, char **errp)
{
    const struct vhc_geometry *g = &pool->geometry;

    if (rte_extmem_register(pool->base, g->size, NULL, 0, g->page_size)
        && rte_errno != EEXIST) {
        return vhc_error(errp, rte_errno, "%s: cannot register it with DPDK: "
                         "%s", pool->file.path, rte_strerror(rte_errno));
    }
    pool->extmem = true;
    return 0;
}

static void
note_mbuf(struct rte_mempool *mp, void *pool_, void *m_, unsigned i)
{
    struct vhc_pool *pool = pool_;
    struct rte_mbuf *m = m_;
    uint32_t id = vhc_pool_id(pool, m);

    (void) mp;
    (void) i;
    pool->mbufs[id] = m;
    pool->owner[id] = VHC_OWNER_HOST;
}

static int
make_mempool(struct vhc_pool *pool, const struct vhc_pool_config *config,
             char **errp)
{
    const struct vhc_geometry *g = &pool->geometry;
    unsigned cache = g->n_buffers / 16;
    struct rte_pktmbuf_extmem *parts;
    char name[RTE_MEMPOOL_NAMESIZE];
    unsigned n_parts;

    pool->mbufs = calloc(g->n_ids, sizeof *pool->mbufs);
    parts = describe_memory(pool, &n_parts);
    if (!pool->mbufs || !parts) {
        free(parts);
        return vhc_error(errp, ENOMEM, "out of memory");
    }

    snprintf(name, sizeof name, "vhc_%02x%02x%02x%02x%02x%02x%02x%02x",
             pool->uuid[0], pool->uuid[1], pool->uuid[2], pool->uuid[3],
             pool->uuid[4], pool->uuid[5], pool->uuid[6], pool->uuid[7]);
    pool->mp = rte_pktmbuf_pool_create_extbuf(
        name, g->n_buffers, cache < MAX_CACHE ? cache : MAX_CACHE,
        config->priv_size, g->stride,
        pool->node < 0 ? SOCKET_ID_ANY : pool->node, parts, n_parts);
    free(parts);
    if (!pool->mp) {
        return vhc_error(errp, rte_errno, "no memory for %u mbufs: %s; give "
                         "DPDK more (other_config:dpdk-socket-mem)",
                         g->n_buffers, rte_strerror(rte_errno));
    }

    memset(pool->owner, 0xff, g->n_ids * sizeof *pool->owner);
    rte_mempool_obj_iter(pool->mp, note_mbuf, pool);
    if (config->mbuf_init) {
        rte_mempool_obj_iter(pool->mp, config->mbuf_init, NULL);
    }
    return 0;
}

/* The magic goes in last: an NF that finds it finds the rest. */
static void
write_superblock(struct vhc_pool *pool)
{
    struct vhc_pool_sb *sb = (struct vhc_pool_sb *) pool->base;
    const struct vhc_geometry *g = &pool->geometry;
    struct vhc_pool_sb new = {
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
    __atomic_store_n(&sb->magic, 0, __ATOMIC_RELEASE);
    *sb = new;
    __atomic_store_n(&sb->magic, VHC_POOL_MAGIC, __ATOMIC_RELEASE);
}

/* A random (version 4) UUID, RFC 4122 section 4.4. */
static int
make_uuid(uint8_t uuid[VHC_UUID_SIZE], char **errp)
{
    if (getrandom(uuid, VHC_UUID_SIZE, 0) != VHC_UUID_SIZE) {
        return vhc_error(errp, EIO, "no random numbers for a UUID");
    }
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    return 0;
}

static int
build(struct vhc_pool *pool, const struct vhc_pool_config *config,
      char **errp)
{
    int error = vhc_group_lookup(config->group, &pool->gid, errp);

    error = error ? error : make_uuid(pool->uuid, errp);
    error = error ? error : open_files(pool, config, errp);
    error = error ? error : register_memory(pool, errp);
    error = error ? error : make_mempool(pool, config, errp);
    error = error ? error : make_link(pool, errp);
    if (!error) {
        write_superblock(pool);
    }
    return error;
}

int
vhc_pool_create(const struct vhc_pool_config *config,
                struct vhc_pool **poolp, char **errp)
{
    struct vhc_pool *pool;
    int error = check_name(config->name, errp);

    *poolp = NULL;
    if (error) {
        return error;
    }

    pool = calloc(1, sizeof *pool);
    if (!pool) {
        return vhc_error(errp, ENOMEM, "out of memory");
    }
    snprintf(pool->name, sizeof pool->name, "%s", config->name);
    pool->node = config->node;
    pool->mark_offset = config->mark_offset;

    pool->link_dir = strdup(config->link_dir);
    pool->slots = rte_zmalloc("vhc_slots",
                              (VHC_MAX_SLOTS + 1) * sizeof *pool->slots, 0);
    error = (pool->link_dir && pool->slots ? build(pool, config, errp)
             : vhc_error(errp, ENOMEM, "out of memory"));
    if (error) {
        vhc_shmfile_close(&pool->owner_file, !pool->owner_file.existed);
        vhc_pool_destroy(pool, !pool->file.existed);
        return error;
    }
    *poolp = pool;
    return 0;
}

int
vhc_pool_set_group(struct vhc_pool *pool, const char *group, char **errp)
{
    int error = vhc_group_lookup(group, &pool->gid, errp);

    error = error ? error : vhc_shmfile_set_group(&pool->file, pool->gid,
                                                  errp);
    for (int i = 1; i <= VHC_MAX_SLOTS && !error; i++) {
        struct vhc_port *port = pool->slots[i].port;

        if (port) {
            error = vhc_shmfile_set_group(&port->file, pool->gid, errp);
        }
    }
    return error;
}

/* Ring files outlive their ports, but not the pool that they are for. */
static void
remove_rings(const struct vhc_pool *pool)
{
    char pattern[PATH_MAX];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s.*", pool->link);
    if (!glob(pattern, GLOB_NOSORT, NULL, &found)) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            vhc_shmfile_discard(found.gl_pathv[i]);
        }
        globfree(&found);
    }
}

void
vhc_pool_destroy(struct vhc_pool *pool, bool remove)
{
    if (!pool) {
        return;
    }
    if (remove && pool->link) {
        remove_rings(pool);
    }
    rte_mempool_free(pool->mp);
    if (pool->extmem) {
        rte_extmem_unregister(pool->base, pool->geometry.size);
    }
    if (remove && pool->link) {
        unlink(pool->link);
    }
    vhc_shmfile_close(&pool->owner_file, remove);
    vhc_shmfile_close(&pool->file, remove);
    rte_free(pool->slots);
    free(pool->mbufs);
    free(pool->link);
    free(pool->link_dir);
    free(pool);
}

int
vhc_pool_dma_map(struct vhc_pool *pool, struct rte_device *device)
{
    const struct vhc_geometry *g = &pool->geometry;

    for (uint64_t off = 0; off < g->size; off += g->page_size) {
        uint8_t *p = pool->base + off;

        if (rte_dev_dma_map(device, p, iova_of(p), g->page_size)
            && rte_errno != EEXIST) {
            return rte_errno;
        }
    }
    return 0;
}

/* What was not mapped is not there to be unmapped: errors say nothing. */
void
vhc_pool_dma_unmap(struct vhc_pool *pool, struct rte_device *device)
{
    const struct vhc_geometry *g = &pool->geometry;

    for (uint64_t off = 0; off < g->size; off += g->page_size) {
        uint8_t *p = pool->base + off;

        rte_dev_dma_unmap(device, p, iova_of(p), g->page_size);
    }
}

struct rte_mempool *
vhc_pool_mempool(const struct vhc_pool *pool)
{
    return pool->mp;
}

const char *
vhc_pool_name(const struct vhc_pool *pool)
{
    return pool->name;
}

uint32_t
vhc_pool_buffer_size(const struct vhc_pool *pool)
{
    return pool->geometry.buffer_size;
}

void
vhc_pool_get_info(const struct vhc_pool *pool, struct vhc_pool_info *info)
{
    *info = (struct vhc_pool_info) {
        .name = pool->name,
        .file = pool->file.path,
        .size = pool->geometry.size,
        .node = pool->node,
        .buffer_size = pool->geometry.buffer_size,
        .stride = pool->geometry.stride,
        .lost = vhc_shmfile_is_lost(&pool->file),
    };
    memcpy(info->uuid, pool->uuid, sizeof info->uuid);
}

/* One look at the table of owners.  Returns by how much more buffers the ports
 * have counted out, or are free, than there can be. */
static int64_t
look(const struct vhc_pool *pool, struct vhc_account *a)
{
    int64_t counted = 0;

    *a = (struct vhc_account) { .all = pool->geometry.n_buffers };
    for (uint32_t id = 0; id < pool->geometry.n_ids; id++) {
        uint16_t owner = __atomic_load_n(&pool->owner[id], __ATOMIC_RELAXED);

        a->owned += owner != VHC_OWNER_HOST && owner != VHC_OWNER_NONE;
    }
    for (int slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        const struct vhc_slot *s = &pool->slots[slot];

        counted += (s->port ? vhc_slot_owned(s->port, slot - s->port->slot)
                    : s->orphan ? s->gone - vhc_counted(&s->back) : 0);
    }
    a->free = rte_mempool_avail_count(pool->mp);
    if (a->free + a->owned > a->all) {
        return (int64_t) a->free + a->owned - a->all;
    }
    a->in_switch = a->all - a->free - a->owned;
    return counted - a->owned;
}

/* While packets move, the table and the counters are read at different
 * moments, and differ one way or the other.  A buffer that is lost makes them
 * differ the same way in every look. */
void
vhc_pool_get_account(const struct vhc_pool *pool,
                     struct vhc_account *account)
{
    bool more = false, less = false;

    for (int i = 0; i < 20; i++) {
        int64_t difference = look(pool, account);

        more |= difference >= 0;
        less |= difference <= 0;
        if (more && less) {
            break;
        }
    }
    account->balanced = more && less;
}
