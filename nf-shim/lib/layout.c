/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "layout.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vhc/ring.h"

#define MAX_RING_SIZE (UINT32_C(1) << 20)
#define MIN_PAGE_SIZE 4096

static bool
is_pow2(uint64_t x)
{
    return x && !(x & (x - 1));
}

static bool
is_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return !any;
}

/* A pool's name becomes part of a path, so nothing else may pass. */
static bool
is_pool_name(const char name[VHC_NAME_SIZE])
{
    return (name[0] && memchr(name, '\0', VHC_NAME_SIZE)
            && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]);
}

static int
check_version(uint32_t abi_version, uint32_t features, bool reserved_zero,
              const char *path, struct nf_error *err)
{
    if (abi_version != VHC_ABI_VERSION) {
        return nfi_error(err, EINVAL, "%s has ABI version %"PRIu32", this NF "
                         "speaks version %d: use an NF of the switch's "
                         "release", path, abi_version, VHC_ABI_VERSION);
    }
    if (features || !reserved_zero) {
        return nfi_error(err, EINVAL, "%s uses features (0x%"PRIx32") that "
                         "this NF lacks: use an NF of the switch's release",
                         path, features);
    }
    return 0;
}

static int
check_size(uint64_t size, uint64_t file_size, const char *path,
           struct nf_error *err)
{
    if (size != file_size || !is_pow2(size)) {
        return nfi_error(err, EINVAL, "%s has %"PRIu64" bytes, but its header "
                         "says %"PRIu64": it is truncated or damaged", path,
                         file_size, size);
    }
    return 0;
}

static int
damaged(const char *path, const char *field, uint64_t value,
        struct nf_error *err)
{
    return nfi_error(err, EINVAL, "%s is damaged: its %s cannot be %"PRIu64,
                     path, field, value);
}

static int
check_rings(const struct vhc_ctrl_host *h, const char *path,
            struct nf_error *err)
{
    uint64_t n_rings = (uint64_t) h->n_queues * VHC_N_RINGS;

    if (!h->n_queues || h->n_queues > VHC_MAX_QUEUES) {
        return damaged(path, "number of queues", h->n_queues, err);
    }
    if (!is_pow2(h->ring_size) || h->ring_size > MAX_RING_SIZE) {
        return damaged(path, "ring size", h->ring_size, err);
    }
    if (h->ring_bytes < vhc_ring_bytes(h->ring_size)
        || h->ring_bytes % VHC_CACHE_LINE) {
        return damaged(path, "distance of rings", h->ring_bytes, err);
    }
    if (h->rings_off < VHC_RINGS_OFF || h->rings_off % VHC_CACHE_LINE
        || h->rings_off + n_rings * h->ring_bytes > h->size) {
        return damaged(path, "offset of rings", h->rings_off, err);
    }
    return 0;
}

int
nfi_ring_layout_init(struct nfi_ring_layout *layout,
                     const struct vhc_ctrl_host *host, uint64_t file_size,
                     const char *path, struct nf_error *err)
{
    struct vhc_ctrl_host h;
    int error;

    /* The first half is constant, the second half changes as we read. */
    memcpy(&h, host, offsetof(struct vhc_ctrl_host, answer));

    if (h.magic != VHC_RING_MAGIC) {
        return nfi_error(err, EINVAL, "%s is not %s", path,
                         h.magic == VHC_POOL_MAGIC
                         ? "a ring file but a pool: name the file of a port"
                         : "the ring file of a port");
    }
    error = check_version(h.abi_version, h.features,
                          is_zero(h.reserved0, sizeof h.reserved0), path,
                          err);
    if (!error) {
        error = check_size(h.size, file_size, path, err);
    }
    if (!error) {
        error = check_rings(&h, path, err);
    }
    if (error) {
        return error;
    }
    if (!is_pool_name(h.pool_name)) {
        return nfi_error(err, EINVAL, "%s is damaged: it names no pool", path);
    }

    memset(layout, 0, sizeof *layout);
    layout->n_queues = h.n_queues;
    layout->ring_size = h.ring_size;
    layout->ring_bytes = h.ring_bytes;
    layout->rings_off = h.rings_off;
    memcpy(layout->pool_uuid, h.pool_uuid, VHC_UUID_SIZE);
    memcpy(layout->pool_name, h.pool_name, VHC_NAME_SIZE);
    nfi_copy_name(layout->port_name, h.port_name, VHC_NAME_SIZE);
    return 0;
}

static int
check_geometry(const struct vhc_pool_sb *sb, const char *path,
               struct nf_error *err)
{
    if (!is_pow2(sb->page_size) || sb->page_size < MIN_PAGE_SIZE
        || sb->page_size > sb->size) {
        return damaged(path, "page size", sb->page_size, err);
    }
    if (sb->direct_off < sizeof *sb || sb->direct_off > sb->size) {
        return damaged(path, "direct offset", sb->direct_off, err);
    }
    if (sb->direct_size > sb->size - sb->direct_off) {
        return damaged(path, "direct size", sb->direct_size, err);
    }
    if (sb->stride % 128 != 64 || sb->stride > sb->page_size) {
        return damaged(path, "stride", sb->stride, err);
    }
    if (sb->id_shift > 31
        || sb->page_size / sb->stride > UINT64_C(1) << sb->id_shift) {
        return damaged(path, "id shift", sb->id_shift, err);
    }
    if (!sb->n_ids
        || (sb->n_ids - 1) >> sb->id_shift >= sb->size / sb->page_size) {
        return damaged(path, "number of ids", sb->n_ids, err);
    }
    if (!sb->n_buffers || sb->n_buffers > sb->n_ids) {
        return damaged(path, "number of buffers", sb->n_buffers, err);
    }
    if (sb->buffer_size < VHC_MIN_FRAME || sb->buffer_size > sb->stride) {
        return damaged(path, "buffer size", sb->buffer_size, err);
    }
    if (sb->headroom > sb->stride - sb->buffer_size) {
        return damaged(path, "headroom", sb->headroom, err);
    }
    return 0;
}

int
nfi_pool_layout_init(struct nfi_pool_layout *layout,
                     const struct vhc_pool_sb *shared, uint64_t file_size,
                     const struct nfi_ring_layout *ring, const char *path,
                     struct nf_error *err)
{
    struct vhc_pool_sb sb;
    int error;

    memcpy(&sb, shared, sizeof sb);

    if (sb.magic != VHC_POOL_MAGIC) {
        return nfi_error(err, EINVAL, "%s is not the file of a pool", path);
    }
    error = check_version(sb.abi_version, sb.features,
                          is_zero(sb.reserved, sizeof sb.reserved), path,
                          err);
    if (!error) {
        error = check_size(sb.size, file_size, path, err);
    }
    if (error) {
        return error;
    }
    if (strncmp(sb.name, ring->pool_name, VHC_NAME_SIZE)) {
        char name[VHC_NAME_SIZE];

        nfi_copy_name(name, sb.name, sizeof name);
        return nfi_error(err, EINVAL, "%s is the file of pool \"%s\", but "
                         "port %s uses pool \"%s\"", path, name,
                         ring->port_name, ring->pool_name);
    }
    if (memcmp(sb.uuid, ring->pool_uuid, VHC_UUID_SIZE)) {
        return nfi_error(err, EINVAL, "%s is the file of an earlier pool "
                         "\"%s\" (its uuid is not the one that port %s uses)",
                         path, ring->pool_name, ring->port_name);
    }
    error = check_geometry(&sb, path, err);
    if (error) {
        return error;
    }

    *layout = (struct nfi_pool_layout) {
        .first_off = sb.direct_off + sb.direct_size,
        .page_shift = __builtin_ctzll(sb.page_size),
        .id_shift = sb.id_shift,
        .index_mask = (UINT32_C(1) << sb.id_shift) - 1,
        .n_ids = sb.n_ids,
        .per_page = sb.page_size / sb.stride,
        .stride = sb.stride,
        .headroom = sb.headroom,
    };
    return 0;
}
