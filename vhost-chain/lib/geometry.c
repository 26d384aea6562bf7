/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "geometry.h"

#include <errno.h>
#include <inttypes.h>

#include "error.h"
#include "vhc/abi.h"

/* The superblock and the region for rings between NFs take 1/16 of a pool,
 * but no more than this. */
#define MAX_RESERVED (UINT64_C(2) << 20)

/* Two of the largest buffers and more: a page has more than one. */
#define MIN_PAGE_SIZE (128 * 1024)

/* Newton's iteration doubles the correct low bits each time, from 3. */
static uint32_t
inverse_mod_2_32(uint32_t odd)
{
    uint32_t x = odd;

    for (int i = 0; i < 4; i++) {
        x *= 2 - odd * x;
    }
    return x;
}

static int
check_sizes(uint64_t size, uint64_t page_size, uint32_t buffer_size,
            char **errp)
{
    if (!vhc_is_pow2(page_size) || page_size < MIN_PAGE_SIZE) {
        return vhc_error(errp, EINVAL, "pages of %"PRIu64" bytes are not a "
                         "power of two of at least %d", page_size,
                         MIN_PAGE_SIZE);
    }
    if (!vhc_is_pow2(size) || size < VHC_MIN_POOL_SIZE
        || size < 2 * page_size) {
        return vhc_error(errp, EINVAL,
                         "size %"PRIu64" is not a power of two of at least "
                         "%"PRIu64" bytes (4 MiB, and two hugepages)", size,
                         VHC_MIN_POOL_SIZE > 2 * page_size
                         ? VHC_MIN_POOL_SIZE : 2 * page_size);
    }
    if (buffer_size < VHC_MIN_BUFFER_SIZE
        || buffer_size > VHC_MAX_BUFFER_SIZE) {
        return vhc_error(errp, EINVAL, "buffer-size %"PRIu32" is not between "
                         "%d and %d bytes", buffer_size, VHC_MIN_BUFFER_SIZE,
                         VHC_MAX_BUFFER_SIZE);
    }
    return 0;
}

int
vhc_geometry_init(struct vhc_geometry *g, uint64_t size, uint64_t page_size,
                  uint32_t buffer_size, char **errp)
{
    uint64_t reserved = size / 16 < MAX_RESERVED ? size / 16 : MAX_RESERVED;
    int error = check_sizes(size, page_size, buffer_size, errp);

    if (error) {
        return error;
    }

    uint32_t lines = (VHC_HEADROOM + buffer_size + VHC_TAILROOM + 63) / 64;
    uint32_t stride = (lines | 1) * 64;
    uint64_t n_pages = size / page_size;
    uint32_t per_page = page_size / stride;
    uint32_t id_shift = 32 - __builtin_clz(per_page - 1);

    if (n_pages << id_shift > UINT32_MAX) {
        return vhc_error(errp, EINVAL, "size %"PRIu64" makes too many "
                         "buffers; choose a larger buffer-size", size);
    }

    *g = (struct vhc_geometry) {
        .size = size,
        .page_size = page_size,
        .page_shift = __builtin_ctzll(page_size),
        .direct_off = 4096,
        .direct_size = reserved - 4096,
        .stride = stride,
        .id_shift = id_shift,
        .n_ids = n_pages << id_shift,
        .per_page = per_page,
        .buffer_size = buffer_size,
        .inverse = inverse_mod_2_32(stride / 64),
    };

    uint64_t header_pages = reserved / page_size;
    uint64_t rest = reserved % page_size;

    g->first = (rest + stride - 1) / stride;
    g->n_buffers = (n_pages - header_pages) * per_page - g->first;
    return 0;
}

bool
vhc_geometry_is_buffer(const struct vhc_geometry *g, uint32_t id)
{
    uint32_t index = id & ((UINT32_C(1) << g->id_shift) - 1);

    return id < g->n_ids && index < g->per_page
           && vhc_geometry_offset(g, id) >= g->direct_off + g->direct_size;
}
