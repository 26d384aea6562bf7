/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_POOL_PRIVATE_H
#define VHC_POOL_PRIVATE_H 1

/* What ports need to know of their pool. */

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "check.h"
#include "geometry.h"
#include "ledger.h"
#include "watch.h"
#include "shmfile.h"
#include "vhc/abi.h"
#include "vhc/pool.h"

struct vhc_port;

/* A queue of a port, as an owner of buffers. */
struct vhc_slot {
    /* Written by the one thread that takes the slot's buffers back. */
    uint64_t back;              /* Buffers ever come back. */
    uint64_t local;             /* Packets among them that went on to the
                                 * guest's own kernel. */
    bool in_local;              /* Atomic.  It uses 'port' now. */

    /* Control. */
    struct vhc_port *port;      /* Atomic.  NULL if it has none. */
    bool orphan;                /* The port is gone, or has not come back, and
                                 * its buffers have not either. */
    uint64_t gone;              /* Buffers ever gone out, of an orphan. */
} __rte_cache_aligned;

struct vhc_pool {
    /* Constant, read in the data path. */
    uint8_t *base;              /* The pool's first byte. */
    struct rte_mempool *mp;
    struct rte_mbuf **mbufs;    /* By buffer id; NULL where is no buffer. */
    uint16_t *owner;            /* By buffer id: VHC_OWNER_* or a slot.  In
                                 * 'ledger'. */
    struct vhc_slot *slots;     /* VHC_MAX_SLOTS + 1 of them. */
    uint32_t mark_offset;
    struct vhc_geometry geometry;

    /* Control. */
    char name[32];
    char *link;                 /* Path of the link to 'file', or NULL. */
    char *link_dir;
    gid_t gid;
    int node;
    uint8_t uuid[VHC_UUID_SIZE];
    bool extmem;                /* Registered with DPDK. */
    struct vhc_shmfile file;    /* The shared memory itself. */
    struct vhc_ledger ledger;
    struct vhc_ledger_head head; /* As the ledger's. */
    struct vhc_pool_sb sb;      /* What the superblock says. */
    uint64_t repairs;           /* Times that it said something else. */
    uint32_t credits;           /* Promised to the ports. */
    uint32_t last_slot;         /* That was taken. */
};

/* Returns the mbuf of buffer 'id', which must be a buffer. */
static inline struct rte_mbuf *
vhc_pool_mbuf(const struct vhc_pool *pool, uint32_t id)
{
    return pool->mbufs[id];
}

/* Returns the buffer id of 'm', an mbuf of 'pool'. */
static inline uint32_t
vhc_pool_id(const struct vhc_pool *pool, const struct rte_mbuf *m)
{
    return vhc_geometry_id(&pool->geometry,
                           (uint8_t *) m->buf_addr - pool->base);
}

static inline uint32_t *
vhc_pool_mark(const struct vhc_pool *pool, struct rte_mbuf *m)
{
    return (uint32_t *) ((uint8_t *) m + pool->mark_offset);
}

/* Makes buffer 'id' that of 'slot', whose NF may send it back at once. */
static inline void
vhc_pool_give(const struct vhc_pool *pool, uint32_t id, uint16_t slot)
{
    vhc_watch_given(pool, id);
    __atomic_store_n(&pool->owner[id], slot, __ATOMIC_RELAXED);
}

/* Makes buffer 'id', which is an NF's, the switch's. */
static inline void
vhc_pool_regain(const struct vhc_pool *pool, uint32_t id)
{
    __atomic_store_n(&pool->owner[id], VHC_OWNER_HOST, __ATOMIC_RELAXED);
    vhc_watch_taken(pool, id);
}

/* Gives 'n' mbufs, 1 at least, back to the pool at once.  They must be as the
 * mempool expects them: one segment, one reference. */
static inline void
vhc_pool_put(const struct vhc_pool *pool, struct rte_mbuf **mbufs, unsigned n)
{
    rte_mempool_put_bulk(pool->mp, (void **) mbufs, n);
}

/* Registers the memory of 'pool' with DPDK, and makes its mempool, in which is
 * what nobody owns. */
int vhc_pool_register_memory(struct vhc_pool *pool, char **errp);
int vhc_pool_make_mempool(struct vhc_pool *pool,
                          const struct vhc_pool_config *config, char **errp);

#endif /* pool-private.h */
