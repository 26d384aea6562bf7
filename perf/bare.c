/* SPDX-License-Identifier: Apache-2.0 */

/* What the exchange of references costs without a switch: the floor.
 *
 *     perf-bare SWITCH_CPU NF_CPU PORTS PACKETS MS none|touch
 *
 *      thread on SWITCH_CPU                 thread on NF_CPU
 *    +----------------------+  rx ring   +--------------------+
 *    | port i: tx ring ---> | ---------> | port i: rx ring    |
 *    | check owner, write   |  tx ring   |   (swap addresses) |
 *    | mbuf, to port i + 1  | <--------- |   to tx ring       |
 *    +----------------------+            +--------------------+
 *
 * PACKETS references go round PORTS ports in a ring of chains, as in the
 * measurement of a whole switch, with the switch's own rings and checks.  With
 * "touch", the NF swaps the MAC addresses of each packet and the switch's
 * thread reads them.  Prints one line. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_mbuf.h>

#include "check.h"
#include "swap.h"
#include "ticks.h"
#include "vhc/ring.h"

#define RING_SIZE 1024
#define MAX_BURST 32
#define MAX_PORTS 16
#define STRIDE (2368 + 64)      /* Bytes; an odd multiple of 64, as in a pool
                                 * of frames of 2048 bytes. */
#define HEADROOM 128
#define LEN 64                  /* Bytes of a packet: it does not matter. */

/* An mbuf as large as OVS's: with its 'struct dp_packet' around. */
struct packet {
    struct rte_mbuf mbuf;
    uint32_t mark;
} __rte_cache_aligned;

struct port {
    struct {
        struct vhc_cons tx;
        struct vhc_prod rx;
        struct vhc_limits limits;
    } host __rte_cache_aligned;
    struct {
        struct vhc_cons rx;
        struct vhc_prod tx;
    } nf __rte_cache_aligned;
};

struct bare {
    struct port ports[MAX_PORTS];
    unsigned n_ports;
    unsigned n_packets;
    bool touch;
    uint8_t *buffers;
    uint16_t *owner;
    struct packet *packets;
    int cpus[2];                /* Of the switch's thread and of the NF's. */
    int stop;                   /* Atomic. */
    int clear;                  /* Atomic: the warm-up is over. */
    uint64_t hops, busy, interval; /* The switch's; the latter in ticks. */
    uint64_t nf_hops;           /* Atomic. */
    uint64_t nf_hops_before, nf_hops_after; /* In the same interval. */
    uint64_t sum;               /* Of what was read, so that it is read. */
};

static void
die(const char *what)
{
    fprintf(stderr, "perf-bare: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *
memory(size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *p;

    size = (size + (2 << 20) - 1) & ~(size_t) ((2 << 20) - 1);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    if (p == MAP_FAILED) {
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    }
    if (p == MAP_FAILED) {
        die("mmap");
    }
    return p;
}

static void
pin(int cpu)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus)) {
        die("sched_setaffinity");
    }
}

static uint8_t *
data(const struct bare *b, const struct vhc_desc *desc)
{
    return b->buffers + (size_t) desc->buf * STRIDE + desc->off;
}

/* A hop of up to a burst: from the NF of port 'i' to that of the next. */
static unsigned
hop(struct bare *b, unsigned i)
{
    struct port *from = &b->ports[i];
    struct port *to = &b->ports[(i + 1) % b->n_ports];
    unsigned n = vhc_ring_peek(&from->host.tx, MAX_BURST), n_good = 0;
    struct packet *burst[MAX_BURST];
    uint32_t bufs[MAX_BURST];

    if (!n) {
        return 0;
    }
    for (unsigned j = 0; j < n; j++) {
        struct vhc_desc desc = vhc_ring_get(&from->host.tx, j);
        struct packet *p = &b->packets[desc.buf % b->n_packets];

        if (vhc_desc_check(&desc, &from->host.limits)) {
            abort();
        }
        __atomic_store_n(&b->owner[desc.buf], VHC_OWNER_HOST,
                         __ATOMIC_RELAXED);
        p->mbuf.data_off = desc.off;
        p->mbuf.port = i;
        p->mbuf.ol_flags = RTE_MBUF_F_EXTERNAL;
        p->mbuf.data_len = p->mbuf.pkt_len = desc.len;
        p->mark = desc.mark;
        if (b->touch) {
            uint64_t word;

            memcpy(&word, data(b, &desc), sizeof word);
            b->sum += word;
        }
        bufs[n_good] = desc.buf;
        burst[n_good++] = p;
    }
    vhc_ring_release(&from->host.tx, n);
    if (vhc_ring_reserve(&to->host.rx, n_good) < n_good) {
        abort();                /* There are fewer packets than entries. */
    }
    vhc_ring_prefetch(&to->host.rx, n_good);
    for (unsigned j = 0; j < n_good; j++) {
        struct vhc_desc desc = {
            .buf = bufs[j],
            .off = burst[j]->mbuf.data_off,
            .len = burst[j]->mbuf.data_len,
            .mark = burst[j]->mark,
        };

        vhc_ring_put(&to->host.rx, j, &desc);
    }
    for (unsigned j = 0; j < n_good; j++) {
        __atomic_store_n(&b->owner[bufs[j]], to->host.limits.slot,
                         __ATOMIC_RELAXED);
    }
    vhc_ring_submit(&to->host.rx, n_good);
    return n_good;
}

static void *
switch_main(void *b_)
{
    struct bare *b = b_;

    uint64_t cleared = ticks();

    pin(b->cpus[0]);
    while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
        uint64_t start = ticks();
        unsigned n = 0;

        if (__atomic_load_n(&b->clear, __ATOMIC_RELAXED)) {
            b->hops = b->busy = 0;
            b->nf_hops_before = __atomic_load_n(&b->nf_hops,
                                                __ATOMIC_RELAXED);
            cleared = start;
            __atomic_store_n(&b->clear, 0, __ATOMIC_RELAXED);
        }
        for (unsigned i = 0; i < b->n_ports; i++) {
            n += hop(b, i);
        }
        b->hops += n;
        b->busy += n ? ticks() - start : 0;
    }
    b->interval = ticks() - cleared;
    b->nf_hops_after = __atomic_load_n(&b->nf_hops, __ATOMIC_RELAXED);
    return NULL;
}

static void *
nf_main(void *b_)
{
    struct bare *b = b_;

    pin(b->cpus[1]);
    while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
        for (unsigned i = 0; i < b->n_ports; i++) {
            struct port *port = &b->ports[i];
            unsigned n = vhc_ring_peek(&port->nf.rx, MAX_BURST);

            if (!n || vhc_ring_reserve(&port->nf.tx, n) < n) {
                continue;
            }
            for (unsigned j = 0; j < n; j++) {
                struct vhc_desc desc = vhc_ring_get(&port->nf.rx, j);

                if (b->touch) {
                    swap_addresses(data(b, &desc));
                }
                vhc_ring_put(&port->nf.tx, j, &desc);
            }
            vhc_ring_release(&port->nf.rx, n);
            vhc_ring_submit(&port->nf.tx, n);
            __atomic_store_n(&b->nf_hops, b->nf_hops + n, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

/* Makes the rings, and puts all packets into the rx ring of the first port. */
static void
prepare(struct bare *b)
{
    size_t ring_bytes = vhc_ring_bytes(RING_SIZE);
    uint8_t *rings = memory(2 * MAX_PORTS * ring_bytes);

    b->buffers = memory((size_t) b->n_packets * STRIDE);
    b->owner = memory(b->n_packets * sizeof *b->owner);
    b->packets = memory(b->n_packets * sizeof *b->packets);
    for (unsigned i = 0; i < b->n_ports; i++) {
        struct vhc_ring *rx = (void *) (rings + 2 * i * ring_bytes);
        struct vhc_ring *tx = (void *) (rings + (2 * i + 1) * ring_bytes);
        struct port *port = &b->ports[i];

        vhc_prod_init(&port->host.rx, rx, RING_SIZE);
        vhc_cons_init(&port->nf.rx, rx, RING_SIZE);
        vhc_prod_init(&port->nf.tx, tx, RING_SIZE);
        vhc_cons_init(&port->host.tx, tx, RING_SIZE);
        port->host.limits = (struct vhc_limits) {
            .owner = b->owner, .n_ids = b->n_packets, .room = STRIDE,
            .max_len = 1518, .slot = i + 1,
        };
    }
    for (unsigned i = 0; i < b->n_packets; i++) {
        struct vhc_desc desc = { .buf = i, .off = HEADROOM, .len = LEN };

        vhc_ring_put(&b->ports[0].host.rx, i, &desc);
        b->owner[i] = b->ports[0].host.limits.slot;
    }
    vhc_ring_submit(&b->ports[0].host.rx, b->n_packets);
}

static void
sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec) {
        .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000
    }, NULL);
}

int
main(int argc, char *argv[])
{
    static struct bare b;
    struct moment start;
    pthread_t threads[2];
    unsigned ms;
    double hz;

    if (argc != 7) {
        fputs("usage: perf-bare SWITCH_CPU NF_CPU PORTS PACKETS MS "
              "none|touch\n", stderr);
        return 2;
    }
    b.cpus[0] = atoi(argv[1]);
    b.cpus[1] = atoi(argv[2]);
    b.n_ports = atoi(argv[3]);
    b.n_packets = atoi(argv[4]);
    ms = atoi(argv[5]);
    b.touch = !strcmp(argv[6], "touch");
    if (!b.n_ports || b.n_ports > MAX_PORTS || !b.n_packets
        || b.n_packets > RING_SIZE) {
        fprintf(stderr, "perf-bare: 1 to %d ports, 1 to %d packets\n",
                MAX_PORTS, RING_SIZE);
        return 2;
    }
    prepare(&b);
    start = moment();
    if (pthread_create(&threads[0], NULL, switch_main, &b)
        || pthread_create(&threads[1], NULL, nf_main, &b)) {
        die("pthread_create");
    }
    sleep_ms(ms / 4);
    __atomic_store_n(&b.clear, 1, __ATOMIC_RELAXED);
    sleep_ms(ms);
    __atomic_store_n(&b.stop, 1, __ATOMIC_RELAXED);
    hz = ticks_per_second(&start);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    printf("hops=%"PRIu64" busy=%"PRIu64" interval=%"PRIu64" nf_hops=%"PRIu64
           " hz=%.0f sum=%"PRIu64"\n", b.hops, b.busy, b.interval,
           b.nf_hops_after - b.nf_hops_before, hz, b.sum);
    return 0;
}
