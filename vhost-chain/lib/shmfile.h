/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_SHMFILE_H
#define VHC_SHMFILE_H 1

/* A file that the switch shares with NFs: made, locked, mapped.
 *
 * The file outlives the switch: opening it again finds the same inode, which
 * a running VM still maps, unless its size has changed.  It is created with
 * mode 0660 and the group asked for, never accessible to the world.
 *
 * Two switches, or two ports, that would use one file are told apart by a
 * lock on byte VHC_LOCK_HOST (an open file description lock, so that it works
 * within one process too).
 *
 * A file that was there must belong to the switch's own user and have no other
 * name: the directory may be one that all may write to, such as /dev/shm.
 *
 * Thread-safety: none; one thread at a time for each file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vhc_shmfile {
    char *path;                 /* malloc()ed; NULL if closed. */
    int fd;
    uint8_t *base;              /* NULL until mapped. */
    size_t size;                /* Bytes. */
    bool existed;               /* The file was there with this size. */
    bool lost;                  /* Atomic.  Somebody truncated the file, and
                                 * the mapping is private zeros: guard.h. */
};

/* Opens or creates 'path' with 'size' bytes, for group 'gid' and with 'mode',
 * and locks it.  A file of another size is discarded and made anew: whoever
 * maps the old one keeps it.
 *
 * Returns 0, or an errno value and a message in '*errp'; EBUSY if another
 * switch or port uses the file.  'f' is then closed. */
int vhc_shmfile_open(struct vhc_shmfile *f, const char *path, size_t size,
                     gid_t gid, mode_t mode, char **errp);

/* Opens and locks the file in directory 'dir' that has inode 'inode', as it
 * is.  Returns 0 or an errno value; ENOENT if there is none. */
int vhc_shmfile_open_inode(struct vhc_shmfile *f, const char *dir,
                           uint64_t inode);

/* Maps the whole file, shared, without touching its pages, at a multiple of
 * 'align' bytes, a power of two, or of a page if that is 0.  'f' must stay
 * where it is until it is closed. */
int vhc_shmfile_map(struct vhc_shmfile *f, size_t align, char **errp);

/* Gives the file to group 'gid'. */
int vhc_shmfile_set_group(const struct vhc_shmfile *f, gid_t gid,
                          char **errp);

/* Returns true if the mapping was lost. */
bool vhc_shmfile_is_lost(const struct vhc_shmfile *f);

/* Makes a file that was lost whole again, full of zeros, and maps it where it
 * was.  Returns 0 or an errno value. */
int vhc_shmfile_restore(struct vhc_shmfile *f);

/* Unmaps and closes 'f', and if 'remove' discards it.  Does nothing to a
 * closed file. */
void vhc_shmfile_close(struct vhc_shmfile *f, bool remove);

/* Unlinks the file at 'path', which somebody may still map, and zeroes the
 * magic at its beginning: a guest cannot see that a file is removed. */
void vhc_shmfile_discard(const char *path);

/* Returns true if some other open file description holds a lock on byte
 * 'byte' of 'f', and its process in '*pid' where that is known (else -1). */
bool vhc_shmfile_locked(const struct vhc_shmfile *f, int byte, pid_t *pid);

/* Looks up 'group', a name or '+' and a number; NULL is the process's own.
 * Returns 0 or EINVAL and a message. */
int vhc_group_lookup(const char *group, gid_t *gid, char **errp);

#endif /* shmfile.h */
