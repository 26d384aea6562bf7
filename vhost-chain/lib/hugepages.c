/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <mntent.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "error.h"

#define USUAL_DIR "/dev/hugepages"

/* Returns the page size, in bytes, of the hugetlbfs that 'dir' is on, or 0 if
 * it is on no hugetlbfs. */
static size_t
hugetlbfs_page_size(const char *dir)
{
    struct statfs sfs;

    return !statfs(dir, &sfs) && sfs.f_type == HUGETLBFS_MAGIC
           ? sfs.f_bsize : 0;
}

/* Returns the host's usual directory of hugepages or, if that is none, the
 * first that is mounted; malloc()ed, or NULL. */
static char *
default_dir(void)
{
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    struct mntent *ent;
    char *dir = NULL;

    if (hugetlbfs_page_size(USUAL_DIR)) {
        dir = strdup(USUAL_DIR);
    }
    while (mounts && !dir && (ent = getmntent(mounts))) {
        if (!strcmp(ent->mnt_type, "hugetlbfs")
            && hugetlbfs_page_size(ent->mnt_dir)) {
            dir = strdup(ent->mnt_dir);
        }
    }
    if (mounts) {
        endmntent(mounts);
    }
    return dir;
}

int
vhc_hugepages_find(const char *dir, char **pathp, size_t *page_sizep,
                   char **errp)
{
    char *path = dir ? strdup(dir) : default_dir();

    if (!path) {
        return vhc_error(errp, ENOENT, "no hugetlbfs is mounted; mount one "
                         "(mount -t hugetlbfs none /dev/hugepages)");
    }
    *page_sizep = hugetlbfs_page_size(path);
    if (!*page_sizep) {
        vhc_error(errp, ENOENT, "%s is not on a hugetlbfs; mount one there "
                  "(mount -t hugetlbfs none %s) or give another dir=", path,
                  path);
        free(path);
        return ENOENT;
    }
    *pathp = path;
    return 0;
}

/* Returns the number in 'name' of the kernel's account of hugepages of
 * 'page_size' bytes, of all nodes or of 'node', or 0. */
static unsigned long
count(size_t page_size, int node, const char *name)
{
    char path[160];
    unsigned long n = 0;

    if (node < 0) {
        snprintf(path, sizeof path,
                 "/sys/kernel/mm/hugepages/hugepages-%zukB/%s",
                 page_size / 1024, name);
    } else {
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d"
                 "/hugepages/hugepages-%zukB/%s", node, page_size / 1024,
                 name);
    }

    FILE *f = fopen(path, "r");

    if (f) {
        if (fscanf(f, "%lu", &n) != 1) {
            n = 0;
        }
        fclose(f);
    }
    return n;
}

static int
not_enough(const struct vhc_shmfile *f, size_t page_size, int node,
           char **errp)
{
    unsigned long want = f->size / page_size;
    unsigned long n_free = count(page_size, node, "free_hugepages");
    unsigned long reserved = count(page_size, -1, "resv_hugepages");
    unsigned long total = count(page_size, node, "nr_hugepages");
    unsigned long avail = n_free > reserved ? n_free - reserved : 0;
    char where[64] = "";
    char how[160];

    if (node >= 0) {
        snprintf(where, sizeof where, " on NUMA node %d", node);
        snprintf(how, sizeof how, "/sys/devices/system/node/node%d/hugepages/"
                 "hugepages-%zukB/nr_hugepages", node, page_size / 1024);
    } else {
        snprintf(how, sizeof how, "/sys/kernel/mm/hugepages/hugepages-%zukB"
                 "/nr_hugepages", page_size / 1024);
    }
    return vhc_error(errp, ENOMEM, "%s needs %lu hugepages of %zu kB%s and "
                     "%lu are free; reserve more (echo %lu > %s)", f->path,
                     want, page_size / 1024, where, avail,
                     total + want - (avail < want ? avail : 0), how);
}

static int
check_node(int node, char **errp)
{
    if (node < 0) {
        return 0;
    }
    if (numa_available() < 0) {
        return vhc_error(errp, EINVAL, "node %d: this kernel knows no NUMA "
                         "nodes; leave node away", node);
    }
    if (node > numa_max_node() || !numa_bitmask_isbitset(numa_all_nodes_ptr,
                                                         node)) {
        return vhc_error(errp, EINVAL, "node %d: this host's highest NUMA "
                         "node is %d", node, numa_max_node());
    }
    return 0;
}

int
vhc_hugepages_populate(struct vhc_shmfile *f, size_t page_size, int node,
                       char **errp)
{
    int error = check_node(node, errp);

    if (error) {
        return error;
    }

    /* mmap() fails with ENOMEM when the pages do not exist, fallocate() when
     * they do not exist on 'node', which is where touching them would kill
     * the process.  DPDK wants addresses that begin with a page. */
    error = vhc_shmfile_map(f, page_size, NULL);
    if (error == ENOMEM) {
        return not_enough(f, page_size, node, errp);
    } else if (error) {
        return vhc_error(errp, error, "%s: cannot map: %s", f->path,
                         strerror(error));
    }
    if (node >= 0) {
        numa_set_bind_policy(1);
        numa_tonode_memory(f->base, f->size, node);
        numa_set_bind_policy(0);
    }
    if (fallocate(f->fd, 0, 0, f->size)) {
        return errno == ENOSPC || errno == ENOMEM
               ? not_enough(f, page_size, node, errp)
               : vhc_error(errp, errno, "%s: cannot allocate: %s", f->path,
                           strerror(errno));
    }
    return 0;
}
