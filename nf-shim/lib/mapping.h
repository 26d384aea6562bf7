/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_MAPPING_H
#define NFI_MAPPING_H 1

/* Where a port's rings and pool are mapped: found here, used by port.c, which
 * knows nothing of files.
 *
 * Usage
 * -----
 *
 *     error = nfi_mapping_open_files(&map, ring_path, NULL, false, &err);
 * or, in a guest,
 *     error = nfi_mapping_open_device(&map, NULL, "fw", false, &err);
 *     ...
 *     nfi_mapping_close(&map);
 *
 * Thread-safety: one thread at a time. */

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "ivshmem.h"
#include "layout.h"

struct nfi_mapping {
    void *ring;                 /* The ring file, read-write. */
    uint64_t ring_size;         /* Bytes. */
    void *pool;                 /* The pool file. */
    uint64_t pool_size;         /* Bytes. */
    bool read_only;             /* The pool is mapped read-only. */
    bool locked;                /* VHC_LOCK_NF is held, in 'ring_fd'. */
    int ring_fd;                /* -1 if there is none. */
    char device[NF_DEVICE_SIZE]; /* With the ring, in a guest; "" if
                                 * this is no guest. */
    struct nfi_ring_layout ring_layout;
    struct nfi_pool_layout pool_layout;
};

/* Maps the ring file 'ring_path' and its pool, which is 'pool_path' or, if
 * that is NULL, the file "ovs-chain.POOL" in the same directory; checks both;
 * and takes the lock of the one NF that the ring file may have.  The pool is
 * mapped read-only if 'read_only' says so or nothing else is permitted.
 *
 * Returns 0, or a positive errno value: '*map' need not be closed then.
 * EBUSY means that another NF holds the lock. */
int nfi_mapping_open_files(struct nfi_mapping *map, const char *ring_path,
                           const char *pool_path, bool read_only,
                           struct nf_error *err);

/* The same in a guest, where ring and pool are the memory of PCI devices,
 * which are looked for in the sysfs folder 'dir', or the usual one if that is
 * NULL.  'port' is the name of the port, or NULL for the only one.
 *
 * Returns as nfi_mapping_open_files(), or as nfi_ivshmem_find_ring(). */
int nfi_mapping_open_device(struct nfi_mapping *map, const char *dir,
                            const char *port, bool read_only,
                            struct nf_error *err);

/* Returns true if this is the memory of PCI devices of a guest. */
static inline bool
nfi_mapping_is_guest(const struct nfi_mapping *map)
{
    return map->device[0] != '\0';
}

/* Takes the lock of the one NF that a ring may have, on 'ring_fd', whose
 * layout is known.  'path' is for messages.  Returns 0 or a positive errno
 * value, EBUSY if another NF has it. */
int nfi_mapping_lock(struct nfi_mapping *map, const char *path,
                     struct nf_error *err);

/* Takes the right to write to the pool away.  Returns 0 or an errno value. */
int nfi_mapping_protect(struct nfi_mapping *map);

/* Returns true if the ring file was removed from its directory, or if the
 * switch said in the header of the ring or the pool that it removed it. */
bool nfi_mapping_is_removed(const struct nfi_mapping *map);

/* Unmaps everything and drops the lock.  Does nothing the second time. */
void nfi_mapping_close(struct nfi_mapping *map);

#endif /* mapping.h */
