/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

/* Words for the messages of others: "PCI device 0000:00:04.0". */
struct where {
    char text[NF_DEVICE_SIZE + 16];
};

static struct where
where(const struct nfi_ivshmem_device *device)
{
    struct where w;

    snprintf(w.text, sizeof w.text, "PCI device %s", device->address);
    return w;
}

/* QEMU gives the guest as much of a file as the device's definition says. */
static int
check_size(const struct nfi_ivshmem_device *device, uint64_t size,
           uint32_t abi_version, struct nf_error *err)
{
    if (abi_version == VHC_ABI_VERSION && size != device->size) {
        return nfi_error(err, EINVAL, "PCI device %s shows %"PRIu64" bytes of "
                         "a file of %"PRIu64": give the device in the VM's "
                         "definition the size of the file", device->address,
                         device->size, size);
    }
    return 0;
}

static int
map_ring(struct nfi_mapping *map, const struct nfi_ivshmem_device *device,
         struct nf_error *err)
{
    const struct vhc_ctrl_host *host;
    int error = nfi_ivshmem_open(device, &map->ring_fd, err);

    if (!error) {
        error = nfi_ivshmem_map(device, PROT_READ | PROT_WRITE, device->size,
                                &map->ring, err);
    }
    if (error) {
        return error;
    }
    map->ring_size = device->size;
    host = map->ring;
    error = check_size(device, host->size, host->abi_version, err);
    return error ? error
           : nfi_ring_layout_init(&map->ring_layout, host, map->ring_size,
                                  where(device).text, err);
}

static int
map_pool(struct nfi_mapping *map, const struct nfi_ivshmem_device *device,
         struct nf_error *err)
{
    const struct vhc_pool_sb *sb;
    int prot = PROT_READ | (map->read_only ? 0 : PROT_WRITE);
    int error = nfi_ivshmem_map(device, prot, device->size, &map->pool, err);

    if (error) {
        return error;
    }
    map->pool_size = device->size;
    sb = map->pool;
    error = check_size(device, sb->size, sb->abi_version, err);
    return error ? error
           : nfi_pool_layout_init(&map->pool_layout, sb, map->pool_size,
                                  &map->ring_layout, where(device).text, err);
}

/* The lock keeps a second NF of this guest away; the switch cannot see it.
 * Where the kernel has no locks for such files, the switch decides. */
static int
lock_ring(struct nfi_mapping *map, const struct nfi_ivshmem_device *device,
          struct nf_error *err)
{
    int error = nfi_mapping_lock(map, where(device).text, err);

    map->locked = false;
    return error == EBUSY ? error : 0;
}

int
nfi_mapping_open_device(struct nfi_mapping *map, const char *dir,
                        const char *port, bool read_only,
                        struct nf_error *err)
{
    const struct nfi_ivshmem_device *ring = NULL;
    const struct nfi_ivshmem_device *pool = NULL;
    struct nfi_ivshmem scan;
    int error;

    *map = (struct nfi_mapping) { .ring_fd = -1, .read_only = read_only };
    error = nfi_ivshmem_scan(&scan, dir, err);
    if (error) {
        return error;
    }
    error = nfi_ivshmem_find_ring(&scan, port, &ring, err);
    if (!error) {
        snprintf(map->device, sizeof map->device, "%s", ring->address);
        error = map_ring(map, ring, err);
    }
    if (!error) {
        error = nfi_ivshmem_find_pool(&scan, ring, &pool, err);
    }
    if (!error) {
        error = map_pool(map, pool, err);
    }
    if (!error) {
        error = lock_ring(map, ring, err);
    }
    nfi_ivshmem_destroy(&scan);
    if (error) {
        nfi_mapping_close(map);
    }
    return error;
}
