/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_WATCH_H
#define VHC_WATCH_H 1

/* What sanitizers are told of the buffers of a pool.
 *
 *     vhc_watch_pool(pool);         while all buffers are free or NFs'
 *     vhc_watch_given(pool, id);    before the owner of 'id' is an NF
 *     vhc_watch_taken(pool, id);    when it is the switch's again
 *     vhc_unwatch_pool(pool);       before the memory is given back
 *
 * What DPDK allocates and frees in between need not be told: see watch.c.
 *
 * AddressSanitizer knows what malloc() hands out, and nothing of the memory
 * that the switch shares with NFs.  With this, a buffer that is free or an
 * NF's is poisoned, with its mbuf, and so is what is neither a buffer nor the
 * superblock.  An access by the switch, OVS's own code included, to a packet
 * that it has given away or freed, or beyond the buffers that it has in hand,
 * is then an error; so is to free a packet twice.  DPDK's own accesses are not
 * checked, as it is built without AddressSanitizer, and neither are those of
 * NFs, which map the pool elsewhere.
 *
 * ThreadSanitizer does not see that DPDK hands a buffer in good order from the
 * thread that frees it to the one that allocates it, and is told so.  The same
 * by way of an NF is for it to find out from the rings.
 *
 * In a build without sanitizers all of this is nothing.
 *
 * Thread-safety: for a buffer, whoever holds it; for a pool, one thread while
 * no other uses it. */

#include <stdint.h>

struct vhc_pool;

/* VHC_MAX_CACHE: buffers that a PMD thread's cache of the mempool may hold. */
#if defined ADDRESS_SANITIZER || defined THREAD_SANITIZER
void vhc_watch_pool(struct vhc_pool *pool);
void vhc_unwatch_pool(struct vhc_pool *pool);
#define VHC_MAX_CACHE 0
#else
#define vhc_watch_pool(POOL) ((void) (POOL))
#define vhc_unwatch_pool(POOL) ((void) (POOL))
#define VHC_MAX_CACHE 256
#endif

#ifdef ADDRESS_SANITIZER
void vhc_watch_given(const struct vhc_pool *pool, uint32_t id);
void vhc_watch_taken(const struct vhc_pool *pool, uint32_t id);
#else
#define vhc_watch_given(POOL, ID) ((void) (POOL), (void) (ID))
#define vhc_watch_taken(POOL, ID) ((void) (POOL), (void) (ID))
#endif

#endif /* watch.h */
