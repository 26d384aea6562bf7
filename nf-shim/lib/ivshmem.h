/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_IVSHMEM_H
#define NFI_IVSHMEM_H 1

/* The shared memory devices of a guest (QEMU's ivshmem-plain, PCI 1af4:1110)
 * and what their memory says they are, never their slot or order.
 *
 * Usage
 * -----
 *
 *     error = nfi_ivshmem_scan(&scan, NULL, &err);
 *     if (!error) {
 *         error = nfi_ivshmem_find_ring(&scan, "fw", &ring, &err);
 *     }
 *     if (!error) {
 *         error = nfi_ivshmem_map(ring, PROT_READ, ring->size, &p, &err);
 *     }
 *     nfi_ivshmem_destroy(&scan);
 *
 * What it found is only what the memory said when it was looked at; check the
 * headers again once they are mapped.
 *
 * Ownership: a device belongs to its scan, mappings and descriptors to the
 * caller.
 *
 * Thread-safety: one thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "nf/port.h"
#include "vhc/abi.h"

#define NFI_PCI_DEVICES "/sys/bus/pci/devices"

enum nfi_ivshmem_kind {
    NFI_IVSHMEM_OTHER,          /* Somebody else's, or it has an 'error'. */
    NFI_IVSHMEM_RING,
    NFI_IVSHMEM_POOL,
    NFI_IVSHMEM_OLD_RING,       /* The switch removed the file. */
    NFI_IVSHMEM_OLD_POOL
};

struct nfi_ivshmem_device {
    char address[NF_DEVICE_SIZE];
    const char *dir;            /* The folder of all devices; the scan's. */
    enum nfi_ivshmem_kind kind;
    int error;                  /* Why it could not be looked at, or 0. */
    uint64_t size;              /* Bytes of the memory. */

    /* Of a ring or a pool: */
    uint32_t abi_version;
    char port[VHC_NAME_SIZE];   /* Printable; of a ring only. */
    char pool[VHC_NAME_SIZE];   /* Printable. */
    uint8_t pool_uuid[VHC_UUID_SIZE];
};

struct nfi_ivshmem {
    char *dir;
    struct nfi_ivshmem_device *devices; /* Sorted by address. */
    size_t n_devices;
};

/* Looks at all shared memory devices in the sysfs folder 'dir', or
 * NFI_PCI_DEVICES if that is NULL, and enables their memory where nobody did
 * yet.  Returns 0, also if there are none, ENOMEM or the errno of opendir().
 */
int nfi_ivshmem_scan(struct nfi_ivshmem *scan, const char *dir,
                     struct nf_error *err);

/* Stores the device with the ring of the port 'name', or of the only port if
 * 'name' is NULL, in '*devicep'.  Returns 0, ENODEV if it is not there, EACCES
 * or another errno if it may be but could not be looked at, EINVAL if there
 * are several ports and none is named, ESTALE if the switch removed it. */
int nfi_ivshmem_find_ring(const struct nfi_ivshmem *scan, const char *name,
                          const struct nfi_ivshmem_device **devicep,
                          struct nf_error *err);

/* Stores the device with the pool that 'ring' uses in '*devicep'.  Returns as
 * nfi_ivshmem_find_ring(). */
int nfi_ivshmem_find_pool(const struct nfi_ivshmem *scan,
                          const struct nfi_ivshmem_device *ring,
                          const struct nfi_ivshmem_device **devicep,
                          struct nf_error *err);

/* Opens the memory of 'device' for locks and stores the descriptor in '*fdp'.
 * Returns 0 or a positive errno value. */
int nfi_ivshmem_open(const struct nfi_ivshmem_device *device, int *fdp,
                     struct nf_error *err);

/* Maps the first 'size' bytes of the memory of 'device' and stores the
 * address in '*pp'.  Write-combining, where the kernel offers that: it is
 * never worse than uncached.  Returns 0 or a positive errno value. */
int nfi_ivshmem_map(const struct nfi_ivshmem_device *device, int prot,
                    uint64_t size, void **pp, struct nf_error *err);

/* Says in 'err' that the memory of 'device' cannot be used because of
 * 'error', and what to do.  Returns 'error'. */
int nfi_ivshmem_error(const struct nfi_ivshmem_device *device, int error,
                      struct nf_error *err);

/* Frees the list of devices. */
void nfi_ivshmem_destroy(struct nfi_ivshmem *scan);

#endif /* ivshmem.h */
