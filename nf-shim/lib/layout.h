/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_LAYOUT_H
#define NFI_LAYOUT_H 1

/* What the headers of a ring file and a pool file say, checked.
 *
 * A file may be anything: the wrong one, truncated, of another version, or
 * being written to by another member of the trust domain.  So a header is
 * copied once, the copy is checked, and only what was checked is used.
 *
 * Thread-safety: pure functions. */

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "vhc/abi.h"

struct nfi_ring_layout {
    uint32_t n_queues;          /* 1 to VHC_MAX_QUEUES. */
    uint32_t ring_size;         /* Entries, a power of two. */
    uint32_t ring_bytes;        /* From one ring to the next. */
    uint32_t rings_off;         /* Bytes; all rings end inside the file. */
    uint8_t pool_uuid[VHC_UUID_SIZE];
    char pool_name[VHC_NAME_SIZE]; /* Letters, digits, '_' and '-'. */
    char port_name[VHC_NAME_SIZE]; /* Printable. */
};

struct nfi_pool_layout {
    uint64_t first_off;         /* Bytes; no buffer starts before. */
    uint32_t page_shift;        /* log2 of the page size. */
    uint32_t id_shift;          /* id = page << id_shift | index. */
    uint32_t index_mask;        /* Of an id. */
    uint32_t n_ids;             /* Ids are below; all pages in the file. */
    uint32_t per_page;          /* Buffers in a page. */
    uint32_t stride;            /* Bytes a buffer. */
    uint32_t headroom;          /* Bytes. */
};

/* Checks the first bytes of a ring file of 'file_size' bytes.  'path' is for
 * messages.  Returns 0 or EINVAL. */
int nfi_ring_layout_init(struct nfi_ring_layout *layout,
                         const struct vhc_ctrl_host *host, uint64_t file_size,
                         const char *path, struct nf_error *err);

/* Checks the first bytes of a pool file of 'file_size' bytes that a port with
 * ring file 'ring' uses.  'path' is for messages.  Returns 0 or EINVAL. */
int nfi_pool_layout_init(struct nfi_pool_layout *layout,
                         const struct vhc_pool_sb *sb, uint64_t file_size,
                         const struct nfi_ring_layout *ring,
                         const char *path, struct nf_error *err);

/* Returns the offset in the ring file of ring 'role' of 'queue'. */
static inline uint64_t
nfi_ring_offset(const struct nfi_ring_layout *layout, uint32_t queue,
                enum vhc_ring_role role)
{
    return layout->rings_off
           + (uint64_t) (queue * VHC_N_RINGS + role) * layout->ring_bytes;
}

/* Stores the offset in the pool of the buffer that 'desc' refers to in '*off'
 * and returns true, or returns false if that is no buffer or the data does
 * not lie in it. */
static inline bool
nfi_desc_locate(const struct nfi_pool_layout *layout,
                const struct vhc_desc *desc, uint64_t *off)
{
    uint32_t index = desc->buf & layout->index_mask;
    uint64_t page = desc->buf >> layout->id_shift;

    *off = (page << layout->page_shift) + (uint64_t) index * layout->stride;
    return (desc->buf < layout->n_ids
            && index < layout->per_page
            && *off >= layout->first_off
            && (uint32_t) desc->off + desc->len <= layout->stride);
}

#endif /* layout.h */
