/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "shmfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "guard.h"
#include "vhc/abi.h"

static struct flock
lock_of(int byte)
{
    return (struct flock) {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
    };
}

static int
lock_host(struct vhc_shmfile *f, char **errp)
{
    struct flock lock = lock_of(VHC_LOCK_HOST);

    if (!fcntl(f->fd, F_OFD_SETLK, &lock)) {
        return 0;
    }
    if (errno == EAGAIN || errno == EACCES) {
        return vhc_error(errp, EBUSY, "%s is in use by another port or "
                         "another switch, or an NF holds the switch's lock "
                         "on it", f->path);
    }
    return vhc_error(errp, errno, "%s: cannot lock: %s", f->path,
                     strerror(errno));
}

/* Opens the file and finds out whether it has the right size. */
static int
open_once(struct vhc_shmfile *f, mode_t mode, char **errp)
{
    struct stat st;

    f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    if (f->fd < 0) {
        return vhc_error(errp, errno, "%s: cannot open: %s", f->path,
                         strerror(errno));
    }
    if (fstat(f->fd, &st) || !S_ISREG(st.st_mode)) {
        return vhc_error(errp, EINVAL, "%s is not a regular file", f->path);
    }
    if (st.st_uid != geteuid() || st.st_nlink != 1) {
        /* Somebody else made it, in a directory that all may write to. */
        return vhc_error(errp, EPERM, "%s is owned by uid %u or has a second "
                         "name; remove it", f->path, (unsigned) st.st_uid);
    }
    f->existed = (size_t) st.st_size == f->size;
    return st.st_size && !f->existed ? ESTALE : 0;
}

int
vhc_shmfile_set_group(const struct vhc_shmfile *f, gid_t gid, char **errp)
{
    return fchown(f->fd, -1, gid)
           ? vhc_error(errp, errno, "%s: cannot set group %u: %s", f->path,
                       (unsigned) gid, strerror(errno)) : 0;
}

static int
prepare(struct vhc_shmfile *f, gid_t gid, mode_t mode, char **errp)
{
    int error = vhc_shmfile_set_group(f, gid, errp);

    if (error) {
        return error;
    }
    if (fchmod(f->fd, mode)) {
        return vhc_error(errp, errno, "%s: cannot set mode %03o: %s", f->path,
                         (unsigned) mode, strerror(errno));
    }
    if (!f->existed && ftruncate(f->fd, f->size)) {
        return vhc_error(errp, errno, "%s: cannot make it %zu bytes: %s",
                         f->path, f->size, strerror(errno));
    }
    return 0;
}

/* Tells a guest that maps the file, and cannot see that it is removed, that
 * it is nobody's any more: pools and ring files begin with their magic. */
static void
disown(int fd)
{
    bool lost = false;
    struct stat st;
    void *base;

    if (fstat(fd, &st) || !st.st_size) {
        return;
    }
    base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return;
    }
    if (!vhc_guard_add(base, st.st_size, &lost)) {
        __atomic_store_n((uint64_t *) base, 0, __ATOMIC_RELEASE);
        vhc_guard_remove(base);
    }
    munmap(base, st.st_size);
}

void
vhc_shmfile_discard(const char *path)
{
    /* Not blocking: somebody may hold a lease on a file of this name. */
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd >= 0) {
        if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1
            && st.st_uid == geteuid()) {
            disown(fd);
        }
        close(fd);
    }
    unlink(path);
}

int
vhc_shmfile_open(struct vhc_shmfile *f, const char *path, size_t size,
                 gid_t gid, mode_t mode, char **errp)
{
    int error;

    *f = (struct vhc_shmfile) { .fd = -1, .size = size };
    f->path = strdup(path);
    if (!f->path) {
        return vhc_error(errp, ENOMEM, "out of memory");
    }

    error = open_once(f, mode, errp);
    if (!error || error == ESTALE) {
        int lock_error = lock_host(f, errp);

        if (lock_error) {
            error = lock_error;
        } else if (error == ESTALE) {
            disown(f->fd);
            unlink(f->path);
            close(f->fd);
            error = open_once(f, mode, errp);
            error = error ? error : lock_host(f, errp);
        }
    }
    error = error ? error : prepare(f, gid, mode, errp);
    if (error) {
        vhc_shmfile_close(f, false);
    }
    return error;
}

/* What a directory says of an inode need not be what the file says, if the
 * file is a mount or was replaced just now. */
int
vhc_shmfile_open_inode(struct vhc_shmfile *f, const char *dir,
                       uint64_t inode)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    char path[PATH_MAX] = "";
    struct stat st;

    while (d && !path[0] && (entry = readdir(d))) {
        if (entry->d_ino == inode) {
            snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    if (!path[0] || lstat(path, &st) || !S_ISREG(st.st_mode)
        || st.st_ino != inode) {
        return ENOENT;
    }
    return vhc_shmfile_open(f, path, st.st_size, st.st_gid,
                            st.st_mode & 0777, NULL);
}

/* Reserves addresses for 'size' bytes at a multiple of 'align', of more than
 * are needed.  Returns MAP_FAILED and sets errno if there are none. */
static void *
reserve(size_t size, size_t align)
{
    char *p = mmap(NULL, size + align, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before = -(uintptr_t) p & (align - 1);

    if (p == MAP_FAILED) {
        return p;
    }
    if (before) {
        munmap(p, before);
    }
    munmap(p + before + size, align - before);
    return p + before;
}

int
vhc_shmfile_map(struct vhc_shmfile *f, size_t align, char **errp)
{
    void *there = align ? reserve(f->size, align) : NULL;
    void *base = MAP_FAILED;

    if (there != MAP_FAILED) {
        base = mmap(there, f->size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | (there ? MAP_FIXED : 0), f->fd, 0);
    }
    if (base == MAP_FAILED) {
        int error = errno;

        if (there && there != MAP_FAILED) {
            munmap(there, f->size);
        }
        return vhc_error(errp, error, "%s: cannot map %zu bytes: %s",
                         f->path, f->size, strerror(error));
    }
    f->base = base;

    int error = vhc_guard_add(base, f->size, &f->lost);

    return error ? vhc_error(errp, error, "%s: cannot guard the mapping: %s",
                             f->path, strerror(error)) : 0;
}

bool
vhc_shmfile_is_lost(const struct vhc_shmfile *f)
{
    return __atomic_load_n(&f->lost, __ATOMIC_ACQUIRE);
}

int
vhc_shmfile_restore(struct vhc_shmfile *f)
{
    if (ftruncate(f->fd, 0) || ftruncate(f->fd, f->size)
        || mmap(f->base, f->size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_FIXED, f->fd, 0) == MAP_FAILED) {
        return errno;
    }
    f->existed = false;
    __atomic_store_n(&f->lost, false, __ATOMIC_RELEASE);
    return 0;
}

void
vhc_shmfile_close(struct vhc_shmfile *f, bool remove)
{
    if (!f->path) {
        return;
    }
    if (f->base) {
        vhc_guard_remove(f->base);
        munmap(f->base, f->size);
    }
    if (f->fd >= 0) {
        if (remove) {
            disown(f->fd);
            unlink(f->path);
        }
        close(f->fd);
    }
    free(f->path);
    *f = (struct vhc_shmfile) { .path = NULL };
}

bool
vhc_shmfile_locked(const struct vhc_shmfile *f, int byte, pid_t *pid)
{
    struct flock lock = lock_of(byte);

    if (fcntl(f->fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK) {
        return false;
    }
    if (pid) {
        *pid = lock.l_pid;
    }
    return true;
}

static int
parse_gid(const char *s, gid_t *gid, char **errp)
{
    char *tail;
    unsigned long n = strtoul(s, &tail, 10);

    if (!isdigit((unsigned char) *s) || *tail || n >= (gid_t) -1) {
        return vhc_error(errp, EINVAL, "group +%s is not a number", s);
    }
    *gid = n;
    return 0;
}

int
vhc_group_lookup(const char *group, gid_t *gid, char **errp)
{
    struct group *gr;

    if (!group) {
        *gid = getegid();
        return 0;
    }
    if (group[0] == '+') {
        return parse_gid(group + 1, gid, errp);
    }
    gr = getgrnam(group);
    if (!gr) {
        return vhc_error(errp, EINVAL, "group %s does not exist; create it "
                         "(groupadd %s) or name the one that QEMU runs as",
                         group, group);
    }
    *gid = gr->gr_gid;
    return 0;
}
