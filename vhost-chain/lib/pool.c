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

#include <rte_malloc.h>

#include "error.h"
#include "header.h"
#include "hugepages.h"
#include "mappers.h"
#include "pool-private.h"
#include "port-private.h"

_Static_assert(VHC_HEADROOM == RTE_PKTMBUF_HEADROOM, "see geometry.h");

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

/* Refuses to change a pool under the feet of those who map it.  A file of
 * another size would be made anew, and one of the same size be divided into
 * other buffers. */
static int
check_change(const struct vhc_geometry *g, const char *path,
             const char *ledger_path, char **errp)
{
    struct vhc_ledger_head want, found;
    char program[64];
    struct stat st;
    bool same;
    pid_t pid;

    if (lstat(path, &st) || !S_ISREG(st.st_mode)) {
        return 0;
    }
    vhc_ledger_head_init(&want, g, st.st_ino);
    same = (size_t) st.st_size == g->size
           && (!vhc_ledger_peek(ledger_path, &found)
               || found.inode != want.inode
               || vhc_ledger_matches(&found, &want));
    if (same || !vhc_mappers_find(path, &pid, program, sizeof program)) {
        return 0;
    }
    return vhc_error(errp, EBUSY, "%s was made with another size, "
                     "buffer-size or version, and process %d (%s) still maps "
                     "it; stop that, or configure the pool as it was", path,
                     (int) pid, program);
}

static int
open_pool_file(struct vhc_pool *pool, const struct vhc_pool_config *config,
               const char *path, char **errp)
{
    size_t page_size = pool->geometry.page_size;
    int error = vhc_shmfile_open(&pool->file, path, config->size, pool->gid,
                                 0660, errp);

    error = error ? error : vhc_hugepages_populate(&pool->file, page_size,
                                                   pool->node, errp);
    pool->base = pool->file.base;
    return error;
}

/* Finds the pool that an earlier switch has left, or gives a new one a uuid.
 * Buffers of ports that are not open yet are nobody's to count. */
static int
open_ledger(struct vhc_pool *pool, const char *path, char **errp)
{
    struct stat st;
    int error;

    if (fstat(pool->file.fd, &st)) {
        return vhc_error(errp, errno, "%s: %s", pool->file.path,
                         strerror(errno));
    }
    vhc_ledger_head_init(&pool->head, &pool->geometry, st.st_ino);
    error = make_uuid(pool->head.uuid, errp);
    error = error ? error : vhc_ledger_open(&pool->ledger, path,
                                            &pool->geometry,
                                            pool->file.existed, &pool->head,
                                            errp);
    if (!error) {
        pool->owner = pool->ledger.owner;
        memcpy(pool->uuid, pool->head.uuid, sizeof pool->uuid);
        vhc_slots_recover(pool);
    }
    return error;
}

/* The file system first: it says how large a page is. */
static int
open_files(struct vhc_pool *pool, const struct vhc_pool_config *config,
           char **errp)
{
    size_t page_size = config->page_size;
    char path[PATH_MAX], ledger_path[PATH_MAX];
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
    snprintf(ledger_path, sizeof ledger_path, "%s/.ovs-chain.%s.owner",
             pool->link_dir, pool->name);
    free(dir);
    error = vhc_geometry_init(&pool->geometry, config->size, page_size,
                              config->buffer_size, errp);
    error = error ? error : check_change(&pool->geometry, path, ledger_path,
                                         errp);
    error = error ? error : open_pool_file(pool, config, path, errp);
    return error ? error : open_ledger(pool, ledger_path, errp);
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

static int
build(struct vhc_pool *pool, const struct vhc_pool_config *config,
      char **errp)
{
    int error = vhc_group_lookup(config->group, &pool->gid, errp);

    error = error ? error : open_files(pool, config, errp);
    error = error ? error : vhc_pool_register_memory(pool, errp);
    error = error ? error : vhc_pool_make_mempool(pool, config, errp);
    error = error ? error : make_link(pool, errp);
    if (!error) {
        vhc_superblock_write(pool);
        vhc_ledger_commit(&pool->ledger, &pool->head);
        vhc_watch_pool(pool);
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
        vhc_shmfile_close(&pool->ledger.file, !pool->ledger.file.existed);
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
    vhc_unwatch_pool(pool);
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
    vhc_shmfile_close(&pool->ledger.file, remove);
    vhc_shmfile_close(&pool->file, remove);
    rte_free(pool->slots);
    free(pool->mbufs);
    free(pool->link);
    free(pool->link_dir);
    free(pool);
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
        .recovered = pool->ledger.recovered,
        .repairs = pool->repairs,
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
