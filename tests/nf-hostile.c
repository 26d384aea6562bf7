/* SPDX-License-Identifier: Apache-2.0 */

/* An NF that attacks the switch.
 *
 *     nf-hostile --list
 *     nf-hostile [--peer RING] [--frames FILE] CASE RING POOL [COUNT]
 *
 * A case is one of the table below, by number or name.  The NF attaches to the
 * port (and, linked with it, to that of --peer), prints "attached", attacks,
 * prints what the switch must have counted ("expect ..."), "sent N" and
 * "over", and stays as it is until it is killed.
 *
 * --list prints for each case, separated by tabs: number, name, what it needs,
 * the default of COUNT, and what it does.  It needs
 *
 *     none     no packets;
 *     frames   exactly COUNT packets;
 *     flood    packets without end;
 *     pass     packets that come and go, COUNT in all;
 *     source   --frames: it makes packets;
 *     after a "+": "peer", --peer; "queues", a port with several; "before",
 *     packets before it attacks. */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

static const struct hostile_case {
    int number;
    const char *name;
    const char *needs;
    uint32_t count;
    hostile_attack *attack;
    bool fills;                 /* It wants empty buffers. */
    const char *what;
} cases[] = {
    /* References. */
    { 1, "no-buffer", "frames", 120, hostile_no_buffer, false,
      "buffer ids beyond the last: bad_buffer" },
    { 2, "gap", "frames", 10, hostile_gap, false,
      "every id that is no buffer: bad_buffer" },
    { 3, "every-buffer", "frames", 100, hostile_every_buffer, false,
      "every buffer but its own: not_owner" },
    { 4, "twice", "frames", 100, hostile_twice, false,
      "a packet twice in a burst: not_owner" },
    { 5, "returned", "frames", 500, hostile_returned, false,
      "packets that it has sent already: not_owner" },
    { 6, "replay", "frames", 500, hostile_replay, false,
      "packets of its last attachment: not_owner" },
    { 7, "reserved", "frames", 240, hostile_reserved, false,
      "each bit that is reserved: reserved" },
    { 8, "verdicts", "frames", 506, hostile_verdicts, false,
      "every verdict that is none: bad_verdict" },
    { 9, "local", "frames", 100, hostile_local, false,
      "packets for a guest that there is not: no_local" },
    { 10, "drop", "frames", 500, hostile_drop, false,
      "drops, with random offsets and lengths: by_nf" },
    { 11, "short", "frames", 140, hostile_short, false,
      "lengths 0 to 13: rx_short" },
    { 12, "long", "frames", 120, hostile_long, false,
      "lengths over the MTU, with sums that wrap: rx_long" },
    { 13, "outside", "frames", 160, hostile_outside, false,
      "packets beyond the end, with sums that wrap: outside" },
    { 14, "empty", "none", 500, hostile_empty, true,
      "empty buffers, sent as they come: rx_short" },
    { 15, "everywhere", "pass", 1024, hostile_everywhere, false,
      "packets at both ends of their buffers: moved" },
    { 16, "wrong-queue", "frames+queues", 300, hostile_wrong_queue, false,
      "packets that came in on another queue: not_owner" },
    { 17, "wrong-port", "frames+peer", 300, hostile_wrong_port, false,
      "packets that must go out on the other port: not_owner" },
    { 18, "both-ports", "frames+peer", 300, hostile_both_ports, false,
      "packets on both of two ports: not_owner" },
    { 19, "random", "flood", 300000, hostile_random_descs, false,
      "descriptors of random bytes: all are counted" },
    { 20, "rewritten", "flood", 3, hostile_rewritten, false,
      "descriptors that change after they were sent, for COUNT seconds" },

    /* Rings. */
    { 30, "prod-ahead", "frames", 100, hostile_prod_ahead, false,
      "more packets than the ring holds: detached" },
    { 31, "prod-back", "frames", 100, hostile_prod_back, false,
      "fewer packets than were taken: detached" },
    { 32, "prod-far", "frames", 100, hostile_prod_far, false,
      "2^31 packets: detached" },
    { 33, "cons-ahead", "flood", 1, hostile_cons_ahead, false,
      "more packets taken than were sent: detached" },
    { 34, "cons-back", "flood", 1, hostile_cons_back, false,
      "packets given back to the rx ring: detached" },
    { 35, "fill-ahead", "none", 1, hostile_fill_ahead, true,
      "more empty buffers taken than there were: detached" },
    { 36, "stale", "frames", 300, hostile_stale, false,
      "entries that it did not write: not_owner, bad_buffer" },
    { 37, "host-indices", "flood", 3, hostile_host_indices, true,
      "the switch's indices overwritten, for COUNT seconds" },
    { 38, "entries", "flood", 3, hostile_entries, true,
      "the switch's entries overwritten, for COUNT seconds" },
    { 39, "indices", "flood", 100, hostile_indices, true,
      "random indices, COUNT times: detached" },

    /* Buffers. */
    { 50, "never-drain", "flood", 3, hostile_never_drain, false,
      "takes no packet, for COUNT seconds: ring_full" },
    { 51, "hoard", "flood", 3, hostile_hoard, false,
      "keeps all packets, for COUNT seconds: no_credit" },
    { 52, "never-send", "none", 3, hostile_never_send, true,
      "keeps all empty buffers, for COUNT seconds" },
    { 53, "fill-lies", "flood", 3, hostile_fill_lies, true,
      "lies about empty buffers that it took, for COUNT seconds" },

    /* Words that both sides share. */
    { 60, "words", "flood", 3, hostile_words, true,
      "its control block overwritten, for COUNT seconds" },
    { 61, "direct", "flood", 3, hostile_direct, false,
      "the pool's reserved region overwritten, for COUNT seconds" },
    { 62, "storm", "flood", 10000, hostile_storm, false,
      "attaches and detaches COUNT times, or 4 * HOSTILE_SECONDS" },
    { 63, "storm-replay", "flood", 200, hostile_storm_replay, false,
      "the same, and sends what it got before: not_owner" },
    { 64, "request", "flood", 3, hostile_request, false,
      "requests that change while they are answered, for COUNT seconds" },
    { 65, "refusals", "none", 700, hostile_refusals, false,
      "requests with a mistake each: refused" },
    { 66, "names", "none", 50, hostile_names, false,
      "names that are no names" },
    { 67, "host-block", "flood", 3, hostile_host_block, false,
      "the switch's control block overwritten, COUNT seconds: repaired" },
    { 68, "superblock", "flood+before", 3, hostile_superblock, false,
      "the pool's superblock overwritten, for COUNT seconds: repaired" },
    { 69, "spoil", "none", 30, hostile_spoil, false,
      "the same, a word every 20 ms: repaired" },

    /* Sleep. */
    { 75, "toggle", "flood", 3, hostile_toggle, false,
      "falls asleep all the time, for COUNT seconds: woken" },
    { 76, "crowd", "flood", 3, hostile_crowd, false,
      "the same, and thousands wait with it: woken" },
    { 77, "wake-seq", "flood", 3, hostile_wake_seq, false,
      "the same with a futex that changes by itself: woken" },
    { 78, "frame", "flood", 3, hostile_frame, false,
      "falls asleep as in a guest that there is not, for COUNT seconds" },

    /* Files and locks. */
    { 80, "truncate", "flood", 1, hostile_truncate, false,
      "the ring file has no bytes: detached" },
    { 81, "shorten", "flood", 1, hostile_shorten, false,
      "the ring file has no rings: detached" },
    { 82, "grow", "flood", 1, hostile_grow, false,
      "the ring file is larger for a while" },
    { 83, "resize", "flood", 3, hostile_resize, false,
      "the ring file has random sizes, for COUNT seconds" },
    { 84, "punch", "flood", 3, hostile_punch, true,
      "holes in the ring file, for COUNT seconds" },
    { 85, "host-lock", "none", 1, hostile_host_lock, false,
      "takes the switch's lock, which it cannot" },
    { 86, "unlock", "frames", 300, hostile_unlock, false,
      "gives its lock back: detached" },
    { 87, "keep-lock", "frames", 300, hostile_keep_lock, false,
      "a child of it keeps the lock when it is killed" },
    { 88, "no-lock", "frames", 300, hostile_no_lock, false,
      "a process that is killed and had no lock" },
    { 89, "lock-churn", "flood", 100, hostile_lock_churn, false,
      "gives its lock back and takes it, COUNT times" },
    { 90, "take-lock", "none", 1, hostile_take_lock, false,
      "takes the switch's lock when its port is deleted, and keeps it" },

    /* Two ports. */
    { 95, "guess", "none", 1000, hostile_guess, false,
      "tokens of other ports, guessed: refused" },
    { 96, "link-kill", "flood+peer", 3, hostile_link_kill, false,
      "one of two ports goes while packets pass" },
    { 97, "link-storm", "flood+peer", 300, hostile_link_storm, false,
      "links and parts two ports COUNT times" },
    { 98, "cross", "none+peer", 100, hostile_cross, false,
      "two ports that name each other" },

    /* Bytes of packets. */
    { 100, "heads", "source", 3, hostile_flip_heads, true,
      "bytes of headers that change in the switch, for COUNT seconds" },
    { 101, "bodies", "source", 3, hostile_flip_all, true,
      "bytes of packets that change in the switch, for COUNT seconds" },
};

#define N_CASES (sizeof cases / sizeof cases[0])

static void
list(void)
{
    for (size_t i = 0; i < N_CASES; i++) {
        printf("%d\t%s\t%s\t%"PRIu32"\t%s\n", cases[i].number, cases[i].name,
               cases[i].needs, cases[i].count, cases[i].what);
    }
}

static _Noreturn void
usage(void)
{
    fputs("usage: nf-hostile --list\n"
          "       nf-hostile [--peer RING] [--frames FILE] CASE RING POOL "
          "[COUNT]\n", stderr);
    exit(2);
}

static const struct hostile_case *
find(const char *name)
{
    for (size_t i = 0; i < N_CASES; i++) {
        if (!strcmp(cases[i].name, name) || cases[i].number == atoi(name)) {
            return &cases[i];
        }
    }
    fprintf(stderr, "nf-hostile: no case %s; see nf-hostile --list\n", name);
    exit(2);
}

/* Attaches to 'ring' and, if it is one of two, with 'token' to both. */
static void
attach(struct probe *p, bool fills, uint64_t token)
{
    p->features |= VHC_NF_F_FUTEX;
    p->fill_level = fills ? p->head.ring_size : 0;
    p->peer_token = token;
    if (probe_attach(p) != VHC_ATTACHED) {
        printf("refused: %s\n", probe_reason(p));
        exit(PROBE_REFUSED);
    }
    p->peer_token = 0;
}

static void
run(const struct hostile_case *c, struct hostile *h, const char *peer,
    const char *pool)
{
    attach(&h->p, c->fills, 0);
    if (peer) {
        probe_open(&h->peer, peer, pool, true);
        attach(&h->peer, false, h->p.host->token);
    }
    puts("attached");
    c->attack(h);
    printf("sent %"PRIu64"\nover\n", h->n_sent);
    for (;;) {
        pause();
    }
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "list", no_argument, NULL, 'l' },
        { "peer", required_argument, NULL, 'p' },
        { "frames", required_argument, NULL, 'f' },
        { NULL, 0, NULL, 0 },
    };
    static struct hostile h = { .random = UINT64_C(0x9e3779b97f4a7c15) };
    const struct hostile_case *c;
    const char *peer = NULL;
    int option;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l': list(); return 0;
        case 'p': peer = optarg; break;
        case 'f': source_load(&h.source, optarg); break;
        default: usage();
        }
    }
    if (argc - optind != 3 && argc - optind != 4) {
        usage();
    }
    c = find(argv[optind]);
    if (!peer != !strstr(c->needs, "+peer")
        || !h.source.n_frames != !!strcmp(c->needs, "source")) {
        usage();
    }
    h.count = argc - optind == 4 ? probe_number(argv[optind + 3]) : c->count;
    probe_open(&h.p, argv[optind + 1], argv[optind + 2], true);
    run(c, &h, peer, argv[optind + 2]);
}
