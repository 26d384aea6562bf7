/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "watch.h"

#if defined ADDRESS_SANITIZER || defined THREAD_SANITIZER

#include <sanitizer/asan_interface.h>
#include <sanitizer/tsan_interface.h>
#include <stdio.h>

#include "pool-private.h"

/* Buffers are allocated and freed by inline functions of DPDK, compiled into
 * DPDK's own drivers, into OVS and into this library.  All of them end in the
 * mempool's operations, unless a cache of the thread has what they want.  So
 * the pool gets operations that do what is to be done about a buffer around
 * those that DPDK chose; and no caches: VHC_MAX_CACHE.
 *
 * All pools have the same operations, as DPDK chooses them by its own
 * configuration. */
static struct rte_mempool_ops chosen;

/* An mbuf that is freed twice is poisoned already, and to read 'buf_addr' of
 * it is what AddressSanitizer reports. */
static void
given(const struct rte_mempool *mp, struct rte_mbuf *m)
{
#ifdef ADDRESS_SANITIZER
    ASAN_POISON_MEMORY_REGION(m->buf_addr, m->buf_len);
    ASAN_POISON_MEMORY_REGION(m, mp->elt_size);
#else
    (void) mp;
    __tsan_release(m);
#endif
}

static void
taken(const struct rte_mempool *mp, struct rte_mbuf *m)
{
#ifdef ADDRESS_SANITIZER
    ASAN_UNPOISON_MEMORY_REGION(m, mp->elt_size);
    ASAN_UNPOISON_MEMORY_REGION(m->buf_addr, m->buf_len);
#else
    (void) mp;
    __tsan_acquire(m);
#endif
}

static int
enqueue(struct rte_mempool *mp, void *const *objs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        given(mp, objs[i]);
    }
    return chosen.enqueue(mp, objs, n);
}

static int
dequeue(struct rte_mempool *mp, void **objs, unsigned n)
{
    int error = chosen.dequeue(mp, objs, n);

    for (unsigned i = 0; !error && i < n; i++) {
        taken(mp, objs[i]);
    }
    return error;
}

/* Returns the index of the operations that do so.  Without them a build that
 * is for nothing else would find nothing. */
static int
watching_ops(const struct rte_mempool *mp)
{
    static int index = -1;

    if (index < 0) {
        struct rte_mempool_ops ops = chosen = *rte_mempool_get_ops(
            mp->ops_index);

        snprintf(ops.name, sizeof ops.name, "vhc_watch");
        ops.enqueue = enqueue;
        ops.dequeue = dequeue;
        ops.dequeue_contig_blocks = NULL;
        index = rte_mempool_register_ops(&ops);
        if (index < 0) {
            rte_panic("cannot watch the buffers of pools: %d\n", index);
        }
    }
    return index;
}

static void
give_one(struct rte_mempool *mp, void *aux, void *m, unsigned i)
{
    (void) aux;
    (void) i;
    given(mp, m);
}

static void
take_one(struct rte_mempool *mp, void *aux, void *m, unsigned i)
{
    (void) aux;
    (void) i;
    taken(mp, m);
}

void
vhc_watch_pool(struct vhc_pool *pool)
{
    struct rte_mempool *mp = pool->mp;

    mp->ops_index = watching_ops(mp);
    rte_mempool_obj_iter(mp, give_one, NULL);
#ifdef ADDRESS_SANITIZER
    ASAN_POISON_MEMORY_REGION(
        pool->base + sizeof(struct vhc_pool_sb),
        pool->geometry.size - sizeof(struct vhc_pool_sb));
#endif
}

void
vhc_unwatch_pool(struct vhc_pool *pool)
{
    if (pool->mp) {
        rte_mempool_obj_iter(pool->mp, take_one, NULL);
    }
#ifdef ADDRESS_SANITIZER
    if (pool->base) {
        ASAN_UNPOISON_MEMORY_REGION(pool->base, pool->geometry.size);
    }
#endif
}

#ifdef ADDRESS_SANITIZER
void
vhc_watch_given(const struct vhc_pool *pool, uint32_t id)
{
    given(pool->mp, vhc_pool_mbuf(pool, id));
}

void
vhc_watch_taken(const struct vhc_pool *pool, uint32_t id)
{
    taken(pool->mp, vhc_pool_mbuf(pool, id));
}
#endif

#endif /* ADDRESS_SANITIZER || THREAD_SANITIZER */
