/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The buffers of a pool as DPDK sees them: memory, mbufs, DMA. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "error.h"
#include "pool-private.h"

static rte_iova_t
iova_of(const uint8_t *p)
{
    return (rte_eal_iova_mode() == RTE_IOVA_VA ? (rte_iova_t) (uintptr_t) p
            : rte_mem_virt2iova(p));
}

/* One part of external memory a page, so that no buffer straddles two. */
static struct rte_pktmbuf_extmem *
describe_memory(const struct vhc_pool *pool, unsigned *np)
{
    const struct vhc_geometry *g = &pool->geometry;
    uint64_t start = g->direct_off + g->direct_size;
    unsigned skip = start / g->page_size;
    unsigned n = g->size / g->page_size - skip;
    struct rte_pktmbuf_extmem *parts = calloc(n, sizeof *parts);

    for (unsigned i = 0; parts && i < n; i++) {
        unsigned first = i ? 0 : g->first;
        uint8_t *p = pool->base + (i + skip) * g->page_size
                     + (uint64_t) first * g->stride;

        parts[i].buf_ptr = p;
        parts[i].buf_iova = iova_of(p);
        parts[i].buf_len = (size_t) (g->per_page - first) * g->stride;
        parts[i].elt_size = g->stride;
    }
    *np = n;
    return parts;
}

int
vhc_pool_register_memory(struct vhc_pool *pool, char **errp)
{
    const struct vhc_geometry *g = &pool->geometry;

    if (rte_extmem_register(pool->base, g->size, NULL, 0, g->page_size)
        && rte_errno != EEXIST) {
        return vhc_error(errp, rte_errno, "%s: cannot register it with DPDK: "
                         "%s", pool->file.path, rte_strerror(rte_errno));
    }
    pool->extmem = true;
    return 0;
}

static void
note_mbuf(struct rte_mempool *mp, void *pool_, void *m_, unsigned i)
{
    struct vhc_pool *pool = pool_;
    struct rte_mbuf *m = m_;

    (void) mp;
    (void) i;
    pool->mbufs[vhc_pool_id(pool, m)] = m;
}

/* The mempool starts with every buffer free.  Takes all out, and puts those
 * back that no NF holds. */
static int
keep_owned(struct vhc_pool *pool, char **errp)
{
    uint32_t n = pool->geometry.n_buffers;
    struct rte_mbuf **mbufs = calloc(n, sizeof *mbufs);
    uint32_t i;

    if (!mbufs) {
        return vhc_error(errp, ENOMEM, "out of memory");
    }
    for (i = 0; i < n && !rte_mempool_get(pool->mp, (void **) &mbufs[i]);
         i++) {
        continue;
    }
    n = i;
    for (i = 0; i < n; i++) {
        if (pool->owner[vhc_pool_id(pool, mbufs[i])] == VHC_OWNER_HOST) {
            vhc_pool_put(pool, &mbufs[i], 1);
        }
    }
    free(mbufs);
    return 0;
}

int
vhc_pool_make_mempool(struct vhc_pool *pool,
                      const struct vhc_pool_config *config, char **errp)
{
    const struct vhc_geometry *g = &pool->geometry;
    unsigned cache = RTE_MIN(g->n_buffers / 16, (unsigned) VHC_MAX_CACHE);
    struct rte_pktmbuf_extmem *parts;
    char name[RTE_MEMPOOL_NAMESIZE];
    unsigned n_parts;

    pool->mbufs = calloc(g->n_ids, sizeof *pool->mbufs);
    parts = describe_memory(pool, &n_parts);
    if (!pool->mbufs || !parts) {
        free(parts);
        return vhc_error(errp, ENOMEM, "out of memory");
    }

    snprintf(name, sizeof name, "vhc_%02x%02x%02x%02x%02x%02x%02x%02x",
             pool->uuid[0], pool->uuid[1], pool->uuid[2], pool->uuid[3],
             pool->uuid[4], pool->uuid[5], pool->uuid[6], pool->uuid[7]);
    pool->mp = rte_pktmbuf_pool_create_extbuf(
        name, g->n_buffers, cache, config->priv_size, g->stride,
        pool->node < 0 ? SOCKET_ID_ANY : pool->node, parts, n_parts);
    free(parts);
    if (!pool->mp) {
        return vhc_error(errp, rte_errno, "no memory for %u mbufs: %s; give "
                         "DPDK more (other_config:dpdk-socket-mem)",
                         g->n_buffers, rte_strerror(rte_errno));
    }

    rte_mempool_obj_iter(pool->mp, note_mbuf, pool);
    if (config->mbuf_init) {
        rte_mempool_obj_iter(pool->mp, config->mbuf_init, NULL);
    }
    return pool->ledger.recovered ? keep_owned(pool, errp) : 0;
}

int
vhc_pool_dma_map(struct vhc_pool *pool, struct rte_device *device)
{
    const struct vhc_geometry *g = &pool->geometry;

    for (uint64_t off = 0; off < g->size; off += g->page_size) {
        uint8_t *p = pool->base + off;

        if (rte_dev_dma_map(device, p, iova_of(p), g->page_size)
            && rte_errno != EEXIST) {
            return rte_errno;
        }
    }
    return 0;
}

/* What was not mapped is not there to be unmapped: errors say nothing. */
void
vhc_pool_dma_unmap(struct vhc_pool *pool, struct rte_device *device)
{
    const struct vhc_geometry *g = &pool->geometry;

    for (uint64_t off = 0; off < g->size; off += g->page_size) {
        uint8_t *p = pool->base + off;

        rte_dev_dma_unmap(device, p, iova_of(p), g->page_size);
    }
}
