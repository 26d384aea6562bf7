/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_POOL_H
#define VHC_POOL_H 1

/* A pool of packet buffers in hugepages that the NFs of one trust domain map.
 *
 * Usage
 * -----
 *
 *     struct vhc_pool_config config = VHC_POOL_CONFIG_INITIALIZER;
 *
 *     config.name = "blue";
 *     config.size = 64 << 20;
 *     config.link_dir = "/dev/shm";
 *     error = vhc_pool_create(&config, &pool, &message);
 *     ...
 *     mp = vhc_pool_mempool(pool);     for rte_eth_rx_queue_setup() and so on
 *     ...
 *     vhc_pool_destroy(pool, false);
 *
 * The pool is a DPDK mempool of mbufs with pinned external buffers: an mbuf
 * and its buffer stay together for life, the mbuf is private to the switch,
 * only the buffer is shared.  Anything that DPDK does with a mempool works.
 *
 * Beside mbuf and mempool object, a buffer costs 10 bytes of private memory:
 * 8 for the table from buffer id to mbuf, 2 for its owner.
 *
 * Restart
 * -------
 *
 * The pool of a switch that was killed, or ended without removing it, is found
 * again if it is configured with the same size, buffer size and page size: it
 * keeps its uuid, NFs stay attached (vhc/port.h) and their buffers theirs.
 * Otherwise it is made anew, unless a process still maps the old one: then
 * creation fails with EBUSY.
 *
 * Ownership
 * ---------
 *
 * The caller owns the pool.  Ports (vhc/port.h) borrow it: it must not be
 * destroyed while one is open or while mbufs of it are out.  The files belong
 * to the pool and outlive it unless vhc_pool_destroy() is told otherwise.
 *
 * Thread-safety
 * -------------
 *
 * Create and destroy, and opening and closing ports of a pool: one thread at
 * a time.  vhc_pool_get_account(): any thread while no port of the pool is
 * opened or closed.  The accessors: any thread.
 *
 * Errors
 * ------
 *
 * 0 or a positive errno value; with it a message for the user in '*errp',
 * which the caller frees.  On failure nothing is left behind but a file that
 * was there before. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;
struct vhc_pool;

struct vhc_pool_config {
    const char *name;           /* [A-Za-z0-9_-]{1,31}. */
    size_t size;                /* Bytes, a power of two. */
    uint32_t buffer_size;       /* Bytes of the longest frame. */
    int node;                   /* NUMA node, or -1 for any. */
    const char *group;          /* That may open the file, a name or '+' and
                                 * a number; NULL is the process's own. */
    const char *dir;            /* On hugetlbfs; NULL is /dev/hugepages or else
                                 * the first mounted. */
    const char *link_dir;       /* Where NFs look: gets a link to the file,
                                 * and the file of owners. */
    size_t page_size;           /* 0: the page size of 'dir', which must be on
                                 * hugetlbfs.  Otherwise any directory will
                                 * do, and pages are taken to be this large:
                                 * for tests without hugepages. */

    uint16_t priv_size;         /* Bytes of user data behind each mbuf. */
    uint32_t mark_offset;       /* Bytes from an mbuf to the user's 32-bit
                                 * mark of the packet, 4-byte aligned. */
    void (*mbuf_init)(struct rte_mempool *, void *aux, void *mbuf,
                      unsigned index); /* For each mbuf; may be NULL. */
};

#define VHC_POOL_CONFIG_INITIALIZER { .buffer_size = 2048, .node = -1 }

int vhc_pool_create(const struct vhc_pool_config *config,
                    struct vhc_pool **poolp, char **errp);

/* Frees 'pool', unless it is NULL, and with 'remove' its files too and the
 * ring files of its ports that have not got a name of their own.  All ports
 * must be closed and all mbufs back. */
void vhc_pool_destroy(struct vhc_pool *pool, bool remove);

/* Gives the files of 'pool' and of its open ports to 'group', as in struct
 * vhc_pool_config. */
int vhc_pool_set_group(struct vhc_pool *pool, const char *group, char **errp);

/* Ends the wait for the ports that the last switch had open and this one has
 * not opened yet: takes back what their NFs hold.  Does nothing to a pool that
 * was not found again.  Serialized with vhc_port_run(). */
void vhc_pool_settle(struct vhc_pool *pool);

/* Looks whether an NF has overwritten the superblock, from which others learn
 * what they map, and writes it again.  Returns true if so.  To be called every
 * few milliseconds, serialized with vhc_port_run(). */
bool vhc_pool_run(struct vhc_pool *pool);

struct rte_mempool *vhc_pool_mempool(const struct vhc_pool *pool);
const char *vhc_pool_name(const struct vhc_pool *pool);
uint32_t vhc_pool_buffer_size(const struct vhc_pool *pool);

/* Maps the pool for DMA by 'device', and ends that.  Mapping it again does no
 * harm.  ENOTSUP, from a device that does no DMA of its own, is no error. */
struct rte_device;
int vhc_pool_dma_map(struct vhc_pool *pool, struct rte_device *device);
void vhc_pool_dma_unmap(struct vhc_pool *pool, struct rte_device *device);

/* Where the buffers are.  free + owned + in_switch = all.
 *
 * 'owned' is counted in the table of owners, 'free' by DPDK, and 'in_switch'
 * is the rest: packets being processed, receive descriptors of NICs.  Exact
 * when no packet moves; while packets move, each figure is of a slightly
 * different moment.
 *
 * 'balanced' is false if, in each of many looks, the ports' own counters of
 * buffers gone out and come back disagree with the table, or more is free and
 * owned than exists: then the switch has lost track of a buffer. */
struct vhc_account {
    uint32_t all;
    uint32_t free;
    uint32_t owned;
    uint32_t in_switch;
    bool balanced;
};
void vhc_pool_get_account(const struct vhc_pool *pool,
                          struct vhc_account *account);

struct vhc_pool_info {
    const char *name;           /* The strings live as long as the pool. */
    const char *file;
    uint8_t uuid[16];
    size_t size;                /* Bytes. */
    int node;                   /* -1: any. */
    uint32_t buffer_size;       /* Bytes. */
    uint32_t stride;            /* Bytes. */
    bool recovered;             /* Found again, as the last switch left it. */
    bool lost;                  /* Somebody truncated the file: no NF can
                                 * attach until the pool is made anew. */
    uint64_t repairs;           /* Times that an NF had overwritten the
                                 * superblock. */
};
void vhc_pool_get_info(const struct vhc_pool *pool,
                       struct vhc_pool_info *info);

#endif /* vhc/pool.h */
