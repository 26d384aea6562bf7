/* SPDX-License-Identifier: Apache-2.0 */

/* An NF for tests, which does what it is told to.
 *
 *     nf-probe [OPTION]... [RING_FILE POOL_FILE]
 *
 * In a guest it takes no files, but the only port among the PCI devices.
 *
 * Without an option that says otherwise it sends each packet back, unchanged,
 * until it is killed.  It prints "attached", or "refused: REASON" and exits
 * with 3, or "detached: REASON" and exits with 4. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe.h"
#include "source.h"

#define MAX_HELD 4096
#define BURST 32

struct options {
    bool wrong_pool;
    bool reserved;
    bool dirty_index;           /* Leave a ring index other than 0. */
    bool hold;                  /* Send nothing back until SIGUSR1. */
    bool print;                 /* Print each packet's mark. */
    uint32_t mark;              /* Added to each packet's mark. */
    uint32_t abi_version;
    uint32_t n_queues;          /* 0: as many as there are. */
    uint32_t features;
    bool has_features;
    const char *frames;         /* File: make packets, and drop what comes. */
    uint32_t count;             /* So many; 0: without end. */
};

struct held {
    struct vhc_desc descs[MAX_HELD]; /* The first of more. */
    unsigned int n;
};

static volatile sig_atomic_t let_go; /* SIGUSR1 came. */

static void
handle_usr1(int signo)
{
    (void) signo;
    let_go = 1;
}

static void
attach(struct probe *p, const struct options *o)
{
    p->abi_version = o->abi_version;
    p->n_queues = o->n_queues ? o->n_queues : p->n_queues;
    p->features = o->has_features ? o->features : p->features;
    p->sb.uuid[0] ^= o->wrong_pool;
    p->fill_level = o->frames ? p->head.credits / 2 : 0;

    probe_prepare(p);
    p->nf->reserved0[0] = o->reserved;
    probe_ring(p, 0, VHC_TX)->prod = o->dirty_index ? 7 : 0;
    if (probe_request(p) != VHC_ATTACHED) {
        printf("refused: %s\n", probe_reason(p));
        exit(PROBE_REFUSED);
    }
    puts("attached");
}

static void
send_back(struct probe *p, const struct options *o, struct held *held,
          struct vhc_desc d)
{
    if (o->print) {
        printf("mark 0x%08x len %u\n", d.mark, d.len);
    }
    if (o->hold && !let_go) {
        if (held->n < MAX_HELD) {
            held->descs[held->n++] = d;
        }
        return;
    }
    d.mark += o->mark;
    if (o->frames) {
        d.verdict = VHC_DROP;
    }
    probe_send(p, 0, &d);
}

static void
send_held(struct probe *p, const struct options *o, struct held *held)
{
    for (unsigned int i = 0; i < held->n; i++) {
        send_back(p, o, held, held->descs[i]);
    }
    held->n = 0;
}

/* Sends back a burst of packets.  Returns how many there were. */
static uint32_t
serve(struct probe *p, const struct options *o, struct held *held)
{
    uint32_t n = vhc_ring_peek(&p->rx[0], BURST);

    for (uint32_t i = 0; i < n; i++) {
        send_back(p, o, held, vhc_ring_get(&p->rx[0], i));
    }
    vhc_ring_release(&p->rx[0], n);
    return n;
}

static void
run(struct probe *p, const struct options *o)
{
    static struct held held;
    struct source source;
    uint64_t left = o->count ? o->count : UINT64_MAX;

    if (o->frames) {
        source_load(&source, o->frames);
    }
    while (probe_is_attached(p)) {
        uint32_t n = 0;

        if (let_go) {
            send_held(p, o, &held);
        }
        if (o->frames && left) {
            n = source_send(&source, p, 0, left < BURST ? left : BURST);
            left -= n;
        }
        if (!(n + serve(p, o, &held))) {
            fflush(stdout);
            probe_pause();
        }
        probe_tick(p);
    }
    printf("detached: %s\n", probe_reason(p));
    exit(PROBE_DETACHED);
}

static void
usage(void)
{
    fputs("usage: nf-probe [OPTION]... [RING_FILE POOL_FILE]\n", stderr);
    exit(2);
}

static void
parse(int argc, char *argv[], struct options *o)
{
    static const struct option options[] = {
        { "abi", required_argument, NULL, 'a' },
        { "queues", required_argument, NULL, 'q' },
        { "features", required_argument, NULL, 'f' },
        { "wrong-pool", no_argument, NULL, 'w' },
        { "reserved", no_argument, NULL, 'r' },
        { "dirty-index", no_argument, NULL, 'i' },
        { "hold", no_argument, NULL, 'h' },
        { "print", no_argument, NULL, 'p' },
        { "mark", required_argument, NULL, 'm' },
        { "frames", required_argument, NULL, 's' },
        { "count", required_argument, NULL, 'n' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'a': o->abi_version = probe_number(optarg); break;
        case 'q': o->n_queues = probe_number(optarg); break;
        case 'f':
            o->features = probe_number(optarg);
            o->has_features = true;
            break;
        case 'w': o->wrong_pool = true; break;
        case 'r': o->reserved = true; break;
        case 'i': o->dirty_index = true; break;
        case 'h': o->hold = true; break;
        case 'p': o->print = true; break;
        case 'm': o->mark = probe_number(optarg); break;
        case 's': o->frames = optarg; break;
        case 'n': o->count = probe_number(optarg); break;
        default: usage();
        }
    }
    if (argc != optind && argc - optind != 2) {
        usage();
    }
}

int
main(int argc, char *argv[])
{
    struct options options = { .abi_version = VHC_ABI_VERSION };
    struct probe probe;

    parse(argc, argv, &options);
    signal(SIGUSR1, handle_usr1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (optind < argc) {
        probe_open(&probe, argv[optind], argv[optind + 1], true);
    } else {
        probe_open_devices(&probe);
    }
    attach(&probe, &options);
    run(&probe, &options);
}
