/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ivshmem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Choosing among the devices of a guest, and words for what is missing: the
 * user sees only a VM, and the reason is most often in its definition. */

#define LIST_SIZE 240           /* Bytes of a list in a message. */
#define XML_HINT "\"ovs-chain vm-xml PORT\" on the host prints what the VM " \
    "needs"
#define ANEW_HINT "give the VM the devices of the port anew (on the host: " \
    "\"ovs-chain vm detach\", then \"ovs-chain vm attach\")"

/* Stores what the devices of 'kind', or all if 'kind' is negative, are, in
 * words, in 'list'.  Returns how many there are. */
static size_t
list_devices(const struct nfi_ivshmem *scan, int kind, char list[LIST_SIZE])
{
    size_t n = 0;
    size_t len = 0;

    list[0] = '\0';
    for (size_t i = 0; i < scan->n_devices; i++) {
        const struct nfi_ivshmem_device *d = &scan->devices[i];

        if (kind >= 0 && (int) d->kind != kind) {
            continue;
        }
        if (len < LIST_SIZE) {
            len += snprintf(list + len, LIST_SIZE - len, "%s%s%s at %s",
                            n ? ", " : "",
                            d->port[0] ? "port "
                            : d->pool[0] ? "pool "
                            : d->error ? "one that cannot be mapped"
                            : "another program's",
                            d->port[0] ? d->port : d->pool, d->address);
        }
        n++;
    }
    if (len >= LIST_SIZE) {
        strcpy(list + LIST_SIZE - 4, "...");
    }
    return n;
}

/* Returns the first device that could not be looked at, or NULL. */
static const struct nfi_ivshmem_device *
find_unreadable(const struct nfi_ivshmem *scan)
{
    for (size_t i = 0; i < scan->n_devices; i++) {
        if (scan->devices[i].error) {
            return &scan->devices[i];
        }
    }
    return NULL;
}

static bool
is_port(const struct nfi_ivshmem_device *device, enum nfi_ivshmem_kind kind,
        const char *name)
{
    return (device->kind == kind
            && (!name || !strcmp(device->port, name)));
}

/* Returns a ring of another ABI version, where the name of its port may lie
 * elsewhere, or NULL.  Checking its header says the rest. */
static const struct nfi_ivshmem_device *
find_other_version(const struct nfi_ivshmem *scan)
{
    for (size_t i = 0; i < scan->n_devices; i++) {
        const struct nfi_ivshmem_device *d = &scan->devices[i];

        if (d->kind == NFI_IVSHMEM_RING
            && d->abi_version != VHC_ABI_VERSION) {
            return d;
        }
    }
    return NULL;
}

/* Complains that no device is the ring of 'name'. */
static int
no_ring(const struct nfi_ivshmem *scan, const char *name,
        struct nf_error *err)
{
    const struct nfi_ivshmem_device *bad = find_unreadable(scan);
    char list[LIST_SIZE];

    if (!scan->n_devices) {
        return nfi_error(err, ENODEV, "%s%sno shared memory device (PCI "
                         "1af4:1110, ivshmem-plain) is here; in a VM: "
                         XML_HINT "; on the host itself: name the ring file, "
                         "/dev/shm/ovs-chain.POOL.PORT",
                         name ? name : "", name ? ": " : "");
    }
    for (size_t i = 0; i < scan->n_devices; i++) {
        const struct nfi_ivshmem_device *d = &scan->devices[i];

        if (is_port(d, NFI_IVSHMEM_OLD_RING, name)) {
            return nfi_error(err, ESTALE, "PCI device %s was port %s, but the "
                             "switch has removed or replaced its ring: "
                             ANEW_HINT, d->address, d->port);
        }
    }
    if (bad) {                  /* It may be the one. */
        return nfi_ivshmem_error(bad, bad->error, err);
    }
    if (name && list_devices(scan, NFI_IVSHMEM_RING, list)) {
        return nfi_error(err, ENODEV, "no PCI device is the ring of port %s; "
                         "there are: %s", name, list);
    }
    list_devices(scan, -1, list);
    return nfi_error(err, ENODEV, "%s%sno shared memory device is the ring of "
                     "a port; there are: %s; " XML_HINT, name ? name : "",
                     name ? ": " : "", list);
}

int
nfi_ivshmem_find_ring(const struct nfi_ivshmem *scan, const char *name,
                      const struct nfi_ivshmem_device **devicep,
                      struct nf_error *err)
{
    const struct nfi_ivshmem_device *found = NULL;
    char list[LIST_SIZE];

    for (size_t i = 0; i < scan->n_devices; i++) {
        const struct nfi_ivshmem_device *d = &scan->devices[i];

        if (is_port(d, NFI_IVSHMEM_RING, name)) {
            if (found) {
                list_devices(scan, NFI_IVSHMEM_RING, list);
                return nfi_error(err, EINVAL, name
                                 ? "several PCI devices are this port: %s"
                                 : "there are several ports, name one: %s",
                                 list);
            }
            found = d;
        }
    }
    if (!found) {
        found = find_other_version(scan);
    }
    *devicep = found;
    return found ? 0 : no_ring(scan, name, err);
}

/* Returns a device that an administrator may take for the pool of 'ring', but
 * is not, or NULL. */
static const struct nfi_ivshmem_device *
find_like_pool(const struct nfi_ivshmem *scan,
               const struct nfi_ivshmem_device *ring)
{
    const struct nfi_ivshmem_device *like = NULL;

    for (size_t i = 0; i < scan->n_devices; i++) {
        const struct nfi_ivshmem_device *d = &scan->devices[i];

        if (d->kind == NFI_IVSHMEM_POOL
            || d->kind == NFI_IVSHMEM_OLD_POOL) {
            if (!strcmp(d->pool, ring->pool)) {
                return d;
            }
            like = d;
        }
    }
    return like;
}

static int
no_pool(const struct nfi_ivshmem *scan, const struct nfi_ivshmem_device *ring,
        struct nf_error *err)
{
    const struct nfi_ivshmem_device *like = find_like_pool(scan, ring);
    const struct nfi_ivshmem_device *bad = find_unreadable(scan);

    if (bad) {
        return nfi_error(err, bad->error, "port %s uses pool \"%s\", which no "
                         "PCI device is, unless %s is: cannot map its memory: "
                         "%s", ring->port, ring->pool, bad->address,
                         strerror(bad->error));
    }
    if (!like) {
        return nfi_error(err, ENODEV, "port %s at PCI device %s uses pool "
                         "\"%s\", but the VM has no device of a pool: "
                         XML_HINT, ring->port, ring->address, ring->pool);
    }
    if (strcmp(like->pool, ring->pool)) {
        return nfi_error(err, ENODEV, "port %s at PCI device %s uses pool "
                         "\"%s\", but PCI device %s is pool \"%s\", another "
                         "trust domain: " XML_HINT, ring->port, ring->address,
                         ring->pool, like->address, like->pool);
    }
    if (like->kind == NFI_IVSHMEM_OLD_POOL) {
        return nfi_error(err, ESTALE, "PCI device %s was pool \"%s\" of port "
                         "%s, but the switch has removed or replaced it: "
                         ANEW_HINT, like->address, like->pool, ring->port);
    }
    return nfi_error(err, ESTALE, "PCI device %s is an earlier pool \"%s\" "
                     "(its uuid is not the one that port %s uses): "
                     ANEW_HINT, like->address, like->pool, ring->port);
}

int
nfi_ivshmem_find_pool(const struct nfi_ivshmem *scan,
                      const struct nfi_ivshmem_device *ring,
                      const struct nfi_ivshmem_device **devicep,
                      struct nf_error *err)
{
    /* Where a pool of another version keeps its uuid is not known: there the
     * name decides, and checking the header says the rest. */
    for (size_t i = 0; i < scan->n_devices; i++) {
        const struct nfi_ivshmem_device *d = &scan->devices[i];

        if (d->kind == NFI_IVSHMEM_POOL
            && (d->abi_version == VHC_ABI_VERSION
                ? !memcmp(d->pool_uuid, ring->pool_uuid, VHC_UUID_SIZE)
                : !strcmp(d->pool, ring->pool))) {
            *devicep = d;
            return 0;
        }
    }
    *devicep = NULL;
    return no_pool(scan, ring, err);
}
