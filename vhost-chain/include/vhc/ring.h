/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_RING_H
#define VHC_RING_H 1

/* The verbs of a shared ring: reserve, submit, peek, release.
 *
 * Usage
 * -----
 *
 * Producer:                              Consumer:
 *
 *     n = vhc_ring_reserve(&p, want);        n = vhc_ring_peek(&c, want);
 *     for (i = 0; i < n; i++) {              for (i = 0; i < n; i++) {
 *         vhc_ring_put(&p, i, &desc[i]);         desc = vhc_ring_get(&c, i);
 *     }                                      }
 *     vhc_ring_submit(&p, n);                vhc_ring_release(&c, n);
 *
 * Ownership
 * ---------
 *
 * 'struct vhc_prod' and 'struct vhc_cons' are one side's private view of the
 * shared 'struct vhc_ring'; each side has one and never reads back what it
 * wrote to shared memory.  The ring's memory belongs to the caller.
 *
 * Thread-safety
 * -------------
 *
 * One thread may produce and one may consume at a time, in the same process
 * or not.  Neither waits for the other.
 *
 * The barriers, lettered here and at their places:
 *
 *     (A) producer: write desc,  store-release prod
 *         consumer: load-acquire prod, read desc
 *     (B) consumer: read desc,   store-release cons
 *         producer: load-acquire cons, overwrite desc
 *     (C) producer: store prod,  full fence, load need_wakeup
 *         consumer: store need_wakeup, full fence, load prod
 *
 * (A) and (B) need no more than release and acquire: each orders one side's
 * accesses to the entries against the one index that hands them over.  (C)
 * orders a store before a later load of another location, which only a full
 * fence does; without it both sides could miss the other's store, and an NF
 * would sleep with packets in its ring.  See vhc_ring_fence().
 *
 * Errors
 * ------
 *
 * The peer may write anything.  An index that cannot be (more entries taken
 * than were put, or more put than the ring holds) makes reserve and peek
 * return 0 and set 'bad', for good: the owner of the view detaches the peer.
 */

#include <stdbool.h>
#include <string.h>

#include "vhc/abi.h"

struct vhc_prod {
    struct vhc_ring *ring;      /* Shared. */
    uint32_t size;              /* Entries, a power of two. */
    uint32_t prod;              /* Entries ever submitted. */
    uint32_t cons;              /* The peer's index when last read. */
    bool bad;                   /* Atomic.  The peer's index was impossible. */
};

struct vhc_cons {
    struct vhc_ring *ring;      /* Shared. */
    uint32_t size;              /* Entries, a power of two. */
    uint32_t cons;              /* Entries ever released. */
    uint32_t prod;              /* The peer's index when last read. */
    bool bad;                   /* Atomic.  The peer's index was impossible. */
};

/* Bytes that a ring of 'size' entries takes in the ring file.  256 more than
 * a power of two for every ring of 256 entries or more, so that the indices
 * of a port's rings do not all fall in one cache set. */
static inline uint32_t
vhc_ring_bytes(uint32_t size)
{
    return sizeof(struct vhc_ring) + size * sizeof(struct vhc_desc);
}

/* Starts producing into 'ring' from index 0, which it also publishes.  The
 * consumer must start from 0 too. */
static inline void
vhc_prod_init(struct vhc_prod *p, struct vhc_ring *ring, uint32_t size)
{
    *p = (struct vhc_prod) { .ring = ring, .size = size };
    __atomic_store_n(&ring->prod, 0, __ATOMIC_RELAXED);
}

/* Starts consuming from 'ring' at index 0, which it also publishes. */
static inline void
vhc_cons_init(struct vhc_cons *c, struct vhc_ring *ring, uint32_t size)
{
    *c = (struct vhc_cons) { .ring = ring, .size = size };
    __atomic_store_n(&ring->cons, 0, __ATOMIC_RELAXED);
}

/* Returns how many entries, at most 'n', may be put.  Reads the peer's index
 * only when the cached one does not allow for 'n'. */
static inline uint32_t
vhc_ring_reserve(struct vhc_prod *p, uint32_t n)
{
    uint32_t used = p->prod - p->cons;

    if (p->size - used < n) {
        p->cons = __atomic_load_n(&p->ring->cons, __ATOMIC_ACQUIRE); /* (B) */
        used = p->prod - p->cons;
        if (__builtin_expect(used > p->size || p->bad, 0)) {
            p->cons = p->prod - p->size; /* Full: nothing more is written. */
            __atomic_store_n(&p->bad, true, __ATOMIC_RELAXED);
            return 0;
        }
        if (p->size - used < n) {
            return p->size - used;
        }
    }
    return n;
}

/* Fetches, to be written, the cache lines of the 'n' entries that have been
 * reserved, so that the first store to each does not wait for the consumer's
 * processor, which had it last.  Not worth it for a few, nor long before: the
 * consumer's processor may prefetch what comes next, too. */
static inline void
vhc_ring_prefetch(const struct vhc_prod *p, uint32_t n)
{
    const uint32_t per_line = 64 / sizeof(struct vhc_desc);
    const uint32_t skip = p->prod % per_line;

    for (uint32_t i = 0; i < n + skip; i += per_line) {
        const struct vhc_desc *d
            = &p->ring->desc[(p->prod - skip + i) & (p->size - 1)];

#ifdef __x86_64__
        /* What __builtin_prefetch() makes of a write needs -mprfchw; where
         * there is no such instruction, it does nothing. */
        __asm__ volatile ("prefetchw %0" : : "m" (*d));
#else
        __builtin_prefetch(d, 1);
#endif
    }
}

/* Writes the 'i'th entry of those reserved, in two stores and not in one a
 * field: they wait in the processor's store buffer until the entry's cache
 * line comes, and few fit there. */
static inline void
vhc_ring_put(struct vhc_prod *p, uint32_t i, const struct vhc_desc *desc)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
                   "fields are little-endian");
    typedef uint64_t __attribute__((may_alias)) word;
    word *shared = (word *) &p->ring->desc[(p->prod + i) & (p->size - 1)];

    __atomic_store_n(&shared[0], (uint64_t) desc->buf
                     | (uint64_t) desc->off << 32
                     | (uint64_t) desc->len << 48, __ATOMIC_RELAXED);
    __atomic_store_n(&shared[1], (uint64_t) desc->mark
                     | (uint64_t) desc->verdict << 32
                     | (uint64_t) desc->flags << 40
                     | (uint64_t) desc->reserved << 48, __ATOMIC_RELAXED);
}

/* Hands the first 'n' of the entries reserved to the consumer. */
static inline void
vhc_ring_submit(struct vhc_prod *p, uint32_t n)
{
    p->prod += n;
    __atomic_store_n(&p->ring->prod, p->prod, __ATOMIC_RELEASE); /* (A) */
}

/* Returns how many entries, at most 'n', may be got.  Reads the peer's index
 * only when the cached one does not allow for 'n'. */
static inline uint32_t
vhc_ring_peek(struct vhc_cons *c, uint32_t n)
{
    uint32_t avail = c->prod - c->cons;

    if (avail < n) {
        c->prod = __atomic_load_n(&c->ring->prod, __ATOMIC_ACQUIRE); /* (A) */
        avail = c->prod - c->cons;
        if (__builtin_expect(avail > c->size || c->bad, 0)) {
            c->prod = c->cons;  /* Empty: nothing more is read. */
            __atomic_store_n(&c->bad, true, __ATOMIC_RELAXED);
            return 0;
        }
        if (avail < n) {
            return avail;
        }
    }
    return n;
}

/* Returns a private copy of the 'i'th entry peeked.  Each byte of the shared
 * entry is read exactly once, whatever the compiler makes of the caller. */
static inline struct vhc_desc
vhc_ring_get(const struct vhc_cons *c, uint32_t i)
{
    typedef uint64_t __attribute__((may_alias)) word;
    const struct vhc_desc *shared
        = &c->ring->desc[(c->cons + i) & (c->size - 1)];
    const word *p = (const word *) shared;
    uint64_t copy[2] = {
        __atomic_load_n(&p[0], __ATOMIC_RELAXED),
        __atomic_load_n(&p[1], __ATOMIC_RELAXED),
    };
    struct vhc_desc desc;

    memcpy(&desc, copy, sizeof desc);
    return desc;
}

/* Hands the first 'n' of the entries peeked back to the producer. */
static inline void
vhc_ring_release(struct vhc_cons *c, uint32_t n)
{
    c->cons += n;
    __atomic_store_n(&c->ring->cons, c->cons, __ATOMIC_RELEASE); /* (B) */
}

/* The full fence of (C). */
static inline void
vhc_ring_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* (C) */
}

#endif /* vhc/ring.h */
