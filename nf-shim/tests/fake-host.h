/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H 1

/* The switch's side of one port, as much as the tests of the NF side need: a
 * pool and a ring file on an ordinary file system, a thread that answers
 * requests, and verbs to pass packets.
 *
 * Usage
 * -----
 *
 *     fake_host_create(&host, "blue", "fw");
 *     fake_host_start(&host);
 *     nf_port_open(host.ring_path, ...);
 *     fake_host_put(&host, 0, &desc, 1);
 *     ...
 *     fake_host_destroy(&host);
 *
 * Thread-safety: the thread that answers and the caller's threads exclude
 * each other by 'mutex'. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhc/abi.h"
#include "vhc/ring.h"

#define FAKE_QUEUES 2
#define FAKE_RING_SIZE 64       /* Entries. */
#define FAKE_PAGE_SIZE 65536    /* Bytes. */
#define FAKE_POOL_SIZE (16 * FAKE_PAGE_SIZE)
#define FAKE_STRIDE 2240        /* 35 * 64 bytes; 29 in a page. */
#define FAKE_PER_PAGE 29
#define FAKE_ID_SHIFT 5
#define FAKE_FIRST_ID (1 << FAKE_ID_SHIFT) /* Page 0 has no buffers. */
#define FAKE_N_IDS (16 << FAKE_ID_SHIFT)
#define FAKE_HEADROOM 128       /* Bytes. */

struct fake_host {
    char dir[64];
    char ring_path[192];
    char pool_path[192];

    /* The host's own mappings. */
    struct vhc_pool_sb *pool;
    struct vhc_ctrl_host *host;
    struct vhc_ctrl_nf *nf;

    /* Mappings that packets are passed through. */
    char *rings;                /* Start of the ring file. */
    char *buffers;              /* Start of the pool file. */

    /* What to answer; set before fake_host_start() or under 'mutex'. */
    bool silent;
    enum vhc_reason refuse;
    enum vhc_access access;

    /* State of the attachment, under 'mutex'. */
    pthread_mutex_t mutex;
    pthread_t thread;
    bool running;
    bool stop;
    uint32_t answered;
    uint32_t n_attached;
    uint32_t n_left;
    uint32_t last_woken;
    struct vhc_prod rx[FAKE_QUEUES];
    struct vhc_cons tx[FAKE_QUEUES];
    struct vhc_prod fill[FAKE_QUEUES];
};

/* Makes a directory with a pool 'pool' and the ring file of 'port' in it. */
void fake_host_create(struct fake_host *, const char *pool, const char *port);

/* The same, with the pool and in the directory of 'other'. */
void fake_host_create_beside(struct fake_host *, struct fake_host *other,
                             const char *port);

/* Starts the thread that answers requests. */
void fake_host_start(struct fake_host *);

/* Stops it, leaving the files as a killed switch does. */
void fake_host_kill(struct fake_host *);

/* From now on uses the rings and the pool through the NF's own mappings
 * 'rings' and 'pool', so that a race detector sees both sides use the same
 * addresses.  Until the NF unmaps them. */
void fake_host_adopt(struct fake_host *, void *rings, void *pool);

/* Returns how many NFs have detached themselves. */
uint32_t fake_host_n_left(struct fake_host *);

/* Ends the attachment for 'reason'. */
void fake_host_detach(struct fake_host *, enum vhc_reason reason);

/* Removes the files, too.  'beside' hosts go first. */
void fake_host_destroy(struct fake_host *);

/* Setup and teardown of a cmocka test whose state is a fake host: pool "blue",
 * port "fw", started.  They return 0. */
int fake_host_setup(void **host);
int fake_host_teardown(void **host);

/* Makes a frame of 'len' bytes, all 'fill', in buffer 'id'. */
struct vhc_desc fake_host_frame(struct fake_host *, uint32_t id, uint16_t len,
                                uint8_t fill);

/* Returns the first byte of the frame that 'desc' refers to. */
uint8_t *fake_host_data(struct fake_host *, const struct vhc_desc *desc);

/* Returns the 'i'th buffer id. */
uint32_t fake_host_id(unsigned int i);

/* Puts 'n' descriptors in the rx ring of 'queue' and wakes the NF if it
 * sleeps.  Returns how many fitted. */
unsigned int fake_host_put(struct fake_host *, unsigned int queue,
                           const struct vhc_desc *, unsigned int n);

/* Takes up to 'n' descriptors from the tx ring of 'queue'. */
unsigned int fake_host_get(struct fake_host *, unsigned int queue,
                           struct vhc_desc *, unsigned int n);

/* As fake_host_get(), but waits up to two seconds until there are 'n'. */
unsigned int fake_host_await(struct fake_host *, unsigned int queue,
                             struct vhc_desc *, unsigned int n);

/* Puts empty buffers in the fill ring of 'queue'. */
unsigned int fake_host_fill(struct fake_host *, unsigned int queue,
                            const struct vhc_desc *, unsigned int n);

/* Sleeps 'us' microseconds, less than a second. */
void fake_sleep(unsigned int us);

#endif /* fake-host.h */
