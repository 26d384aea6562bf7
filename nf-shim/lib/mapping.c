/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_HINT "is the port configured, with options:chain-pool, and is " \
    "ovs-vswitchd running?"
#define POOL_HINT "if it has another name, give --pool"

/* Complains that 'path' cannot be opened.  'hint' is for a missing file. */
static int
open_error(const char *path, int error, const char *hint,
           struct nf_error *err)
{
    if (error == EACCES) {
        hint = "the pool's group may open it; is this user a member?";
    } else if (error != ENOENT) {
        return nfi_error(err, error, "cannot open %s: %s", path,
                         strerror(error));
    }
    return nfi_error(err, error, "cannot open %s: %s (%s)", path,
                     strerror(error), hint);
}

/* Opens 'path' and stores the descriptor in '*fdp' and the size, of at least
 * 'min_size' bytes, in '*sizep'. */
static int
open_file(const char *path, int flags, uint64_t min_size, const char *hint,
          int *fdp, uint64_t *sizep, struct nf_error *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    struct stat s;
    int error;

    if (fd < 0) {
        return open_error(path, errno, hint, err);
    }
    if (fstat(fd, &s)) {
        error = errno;
        nfi_error(err, error, "%s: %s", path, strerror(error));
        goto error_close;
    }
    if (!S_ISREG(s.st_mode)) {
        error = nfi_error(err, EINVAL, "%s is not a regular file", path);
        goto error_close;
    }
    if ((uint64_t) s.st_size < min_size) {
        error = nfi_error(err, EINVAL, "%s has only %"PRIu64" bytes: it is "
                          "truncated, or not a file of ovs-chain", path,
                          (uint64_t) s.st_size);
        goto error_close;
    }
    *fdp = fd;
    *sizep = s.st_size;
    return 0;

error_close:
    close(fd);
    return error;
}

static int
map_file(int fd, uint64_t size, int prot, const char *path, void **pp,
         struct nf_error *err)
{
    void *p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        int error = errno;

        return nfi_error(err, error, "cannot map %s: %s", path,
                         strerror(error));
    }
    *pp = p;
    return 0;
}

static int
map_ring(struct nfi_mapping *map, const char *path, struct nf_error *err)
{
    int error = open_file(path, O_RDWR, VHC_RINGS_OFF, RING_HINT,
                          &map->ring_fd, &map->ring_size, err);

    if (!error) {
        error = map_file(map->ring_fd, map->ring_size, PROT_READ | PROT_WRITE,
                         path, &map->ring, err);
    }
    if (!error) {
        error = nfi_ring_layout_init(&map->ring_layout, map->ring,
                                     map->ring_size, path, err);
    }
    return error;
}

/* The lock belongs to the open file, not to the process, so a second open in
 * the same process fails as well, and the switch sees it go when the process
 * does, however that ends. */
int
nfi_mapping_lock(struct nfi_mapping *map, const char *path,
                 struct nf_error *err)
{
    struct flock lock = {
        .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = VHC_LOCK_NF,
        .l_len = 1,
    };

    if (!fcntl(map->ring_fd, F_OFD_SETLK, &lock)) {
        map->locked = true;
        return 0;
    }
    if (errno != EAGAIN && errno != EACCES) {
        int error = errno;

        return nfi_error(err, error, "cannot lock %s: %s", path,
                         strerror(error));
    }

    const struct vhc_ctrl_nf *nf
        = (const void *) ((char *) map->ring + VHC_CTRL_NF_OFF);
    char name[VHC_NAME_SIZE];

    nfi_copy_name(name, nf->name, sizeof name);
    return nfi_error(err, EBUSY, "%s: port %s is in use by the NF \"%s\" (pid "
                     "%"PRIu32"); a port has one NF", path,
                     map->ring_layout.port_name, name,
                     __atomic_load_n(&nf->pid, __ATOMIC_RELAXED));
}

/* Stores the path of the pool, which lies where the ring file does. */
static int
find_pool(const struct nfi_mapping *map, const char *ring_path,
          char path[PATH_MAX], struct nf_error *err)
{
    const char *slash = strrchr(ring_path, '/');
    int dir_len = slash ? slash + 1 - ring_path : 0;
    int n = snprintf(path, PATH_MAX, "%.*sovs-chain.%s", dir_len, ring_path,
                     map->ring_layout.pool_name);

    if (n >= PATH_MAX) {
        return nfi_error(err, ENAMETOOLONG, "%s: the path is too long",
                         ring_path);
    }
    return 0;
}

static int
map_pool(struct nfi_mapping *map, const char *path, struct nf_error *err)
{
    int fd = -1;
    int error;

    error = open_file(path, map->read_only ? O_RDONLY : O_RDWR,
                      sizeof(struct vhc_pool_sb), POOL_HINT, &fd,
                      &map->pool_size, err);
    if (!map->read_only && (error == EACCES || error == EROFS)) {
        map->read_only = true;
        error = open_file(path, O_RDONLY, sizeof(struct vhc_pool_sb),
                          POOL_HINT, &fd, &map->pool_size, err);
    }
    if (error) {
        return error;
    }

    error = map_file(fd, map->pool_size,
                     PROT_READ | (map->read_only ? 0 : PROT_WRITE), path,
                     &map->pool, err);
    close(fd);
    if (error) {
        return error;
    }
    return nfi_pool_layout_init(&map->pool_layout, map->pool, map->pool_size,
                                &map->ring_layout, path, err);
}

int
nfi_mapping_open_files(struct nfi_mapping *map, const char *ring_path,
                       const char *pool_path, bool read_only,
                       struct nf_error *err)
{
    char path[PATH_MAX];
    int error;

    *map = (struct nfi_mapping) { .ring_fd = -1, .read_only = read_only };
    error = map_ring(map, ring_path, err);
    if (!error && !pool_path) {
        error = find_pool(map, ring_path, path, err);
        pool_path = path;
    }
    if (!error) {
        error = map_pool(map, pool_path, err);
    }
    if (!error) {
        error = nfi_mapping_lock(map, ring_path, err);
    }
    if (error) {
        nfi_mapping_close(map);
    }
    return error;
}

int
nfi_mapping_protect(struct nfi_mapping *map)
{
    if (!map->read_only) {
        if (mprotect(map->pool, map->pool_size, PROT_READ)) {
            return errno;
        }
        map->read_only = true;
    }
    return 0;
}

bool
nfi_mapping_is_removed(const struct nfi_mapping *map)
{
    const struct vhc_ctrl_host *host = map->ring;
    const struct vhc_pool_sb *sb = map->pool;
    struct stat s;

    return (__atomic_load_n(&host->magic, __ATOMIC_RELAXED) != VHC_RING_MAGIC
            || __atomic_load_n(&sb->magic, __ATOMIC_RELAXED) != VHC_POOL_MAGIC
            || (map->ring_fd >= 0 && !fstat(map->ring_fd, &s)
                && !s.st_nlink));
}

void
nfi_mapping_close(struct nfi_mapping *map)
{
    if (map->pool) {
        munmap(map->pool, map->pool_size);
    }
    if (map->ring) {
        munmap(map->ring, map->ring_size);
    }
    if (map->ring_fd >= 0) {
        close(map->ring_fd);    /* Drops the lock. */
    }
    *map = (struct nfi_mapping) { .ring_fd = -1 };
}
