/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_GEOMETRY_H
#define VHC_GEOMETRY_H 1

/* Where the buffers of a pool lie: arithmetic only, no memory.
 *
 * Thread-safety: a geometry is constant after vhc_geometry_init(). */

#include <stdbool.h>
#include <stdint.h>

#define VHC_HEADROOM 128        /* Bytes; as RTE_PKTMBUF_HEADROOM. */
#define VHC_TAILROOM 64         /* Bytes that the switch may append. */

#define VHC_MIN_POOL_SIZE (UINT64_C(4) << 20)
#define VHC_MIN_BUFFER_SIZE 64
#define VHC_MAX_BUFFER_SIZE 32768

static inline bool
vhc_is_pow2(uint64_t x)
{
    return x && !(x & (x - 1));
}

struct vhc_geometry {
    uint64_t size;              /* Bytes of the pool, a power of two. */
    uint64_t page_size;         /* Bytes, a power of two. */
    uint64_t direct_off;        /* Bytes; region for rings between NFs. */
    uint64_t direct_size;       /* Bytes; the buffers start behind it. */
    uint32_t page_shift;        /* log2 of 'page_size'. */
    uint32_t stride;            /* Bytes, an odd multiple of 64. */
    uint32_t id_shift;          /* id = page << id_shift | index. */
    uint32_t n_ids;             /* Ids are below this; some are no buffer. */
    uint32_t n_buffers;
    uint32_t per_page;          /* Buffers in a page. */
    uint32_t first;             /* Index of the first buffer in a page, if
                                 * the page holds the direct region. */
    uint32_t buffer_size;       /* Bytes of the longest frame. */
    uint32_t inverse;           /* Of stride / 64, modulo 2^32. */
};

/* Initializes 'g' for a pool of 'size' bytes on pages of 'page_size' bytes
 * whose buffers hold frames of 'buffer_size' bytes.
 *
 * Returns 0, or EINVAL and a message in '*errp', which the caller frees; 'g'
 * is then undefined. */
int vhc_geometry_init(struct vhc_geometry *g, uint64_t size,
                      uint64_t page_size, uint32_t buffer_size, char **errp);

/* Returns true if 'id' is a buffer: below 'n_ids' and neither in the gap at
 * the end of a page's ids nor where the superblock and direct region lie. */
bool vhc_geometry_is_buffer(const struct vhc_geometry *g, uint32_t id);

/* Returns the offset in the pool, in bytes, of buffer 'id'. */
static inline uint64_t
vhc_geometry_offset(const struct vhc_geometry *g, uint32_t id)
{
    uint32_t index = id & ((UINT32_C(1) << g->id_shift) - 1);

    return ((uint64_t) (id >> g->id_shift) << g->page_shift)
           + (uint64_t) index * g->stride;
}

/* Returns the id of the buffer at 'offset', which must be a buffer's offset.
 *
 * The division by the stride is exact, and the stride is 64 times an odd
 * number, so it is a multiplication by that number's inverse modulo 2^32
 * (Granlund and Montgomery, "Division by Invariant Integers using
 * Multiplication", section 9). */
static inline uint32_t
vhc_geometry_id(const struct vhc_geometry *g, uint64_t offset)
{
    uint32_t in_page = (offset & (g->page_size - 1)) / 64;

    return (uint32_t) (offset >> g->page_shift) << g->id_shift
           | in_page * g->inverse;
}

#endif /* geometry.h */
