/* SPDX-License-Identifier: Apache-2.0 */

/* What the NF and the switch say to each other outside of the rings. */

#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes random words to 'size' bytes at 'base', for 'count' seconds. */
static void
scribble(struct hostile *h, uint8_t *base, size_t size)
{
    struct hostile_clock clock = { .start_ms = 0 };
    volatile uint32_t *words = (void *) base;
    uint64_t n = 0;

    while (hostile_lasts(h, &clock, "words", n)) {
        for (int i = 0; i < 1024; i++, n++) {
            uint64_t r = hostile_random(&h->random);

            words[(r & UINT32_MAX) % (size / sizeof *words)] = r >> 32;
        }
    }
}

void
hostile_words(struct hostile *h)
{
    scribble(h, (uint8_t *) h->p.nf, VHC_RINGS_OFF - VHC_CTRL_NF_OFF);
    expect_nothing();
}

void
hostile_host_block(struct hostile *h)
{
    scribble(h, h->p.ring_file, VHC_CTRL_NF_OFF);
    expect_repairs("port");
}

void
hostile_superblock(struct hostile *h)
{
    scribble(h, h->p.pool_file, h->p.sb.direct_off);
    expect_repairs("pool");
}

/* A word now and then, so that most of the time all is as it should be. */
void
hostile_spoil(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    volatile uint32_t *words = (void *) h->p.pool_file;
    uint64_t n = 0;

    while (hostile_lasts(h, &clock, "words", n++)) {
        words[hostile_random(&h->random) % (sizeof h->p.sb / sizeof *words)]
            = hostile_random(&h->random);
        for (int i = 0; i < 20; i++) {
            probe_pause();
        }
    }
    expect_repairs("pool");
}

void
hostile_direct(struct hostile *h)
{
    scribble(h, h->p.pool_file + h->p.sb.direct_off, h->p.sb.direct_size);
    expect_nothing();
}

/* Stops after a while even if the switch does not let it attach so often. */
void
hostile_storm(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    const char *limit = getenv("HOSTILE_SECONDS");
    const struct hostile timer = { .count = 4 * (limit ? atoi(limit) : 60) };
    uint32_t n = 1;

    while (n < h->count && hostile_lasts(&timer, &clock, "attachments", n)) {
        probe_detach(&h->p);
        if (probe_attach(&h->p) == VHC_ATTACHED) {
            n++;
        }
    }
    printf("attached %u times\n", n);
    expect_attachments(n);
    expect_state("attached", VHC_REASON_NONE);
}

/* The same, and right after it attaches it sends what it got before. */
void
hostile_storm_replay(struct hostile *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        struct vhc_desc old[4 * BURST];
        uint32_t n = vhc_ring_peek(&h->p.rx[0], 4 * BURST);

        for (uint32_t j = 0; j < n; j++) {
            old[j] = vhc_ring_get(&h->p.rx[0], j);
        }
        probe_detach(&h->p);
        probe_attach(&h->p);
        for (uint32_t j = 0; j < n; j++) {
            hostile_send(h, old[j]);
        }
    }
    hostile_flush(&h->p);
    expect_attachments(h->count + 1);
    expect_some("not_owner");
    expect_state("attached", VHC_REASON_NONE);
}

static void *
renew(void *h_)
{
    struct hostile *h = h_;
    uint64_t state = 1;

    while (!h->stop) {
        __atomic_store_n(&h->p.nf->request, hostile_random(&state),
                         __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Changes the request all the time, while the switch answers it. */
void
hostile_request(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    uint64_t n = 0;

    hostile_thread(h, renew, h);
    while (hostile_lasts(h, &clock, "requests", n)) {
        probe_prepare(&h->p);
        n++;
    }
    hostile_join(h);
    expect_nothing();
}

/* Makes the 'i'th mistake in a request that is good otherwise, and returns
 * what the switch must say. */
static enum vhc_reason
spoil(struct hostile *h, uint32_t i)
{
    struct vhc_ctrl_nf *nf = h->p.nf;
    uint32_t random = hostile_random(&h->random);

    switch (i % 7) {
    case 0:
        nf->abi_version = random == VHC_ABI_VERSION ? 0 : random;
        return VHC_REASON_ABI;
    case 1:
        nf->reserved0[i % 4] = random | 1;
        return VHC_REASON_RESERVED;
    case 2:
        nf->pool_uuid[i % VHC_UUID_SIZE] ^= random | 1;
        return VHC_REASON_POOL;
    case 3:
        nf->features = random | (VHC_NF_F_ALL + 1);
        return VHC_REASON_FEATURES;
    case 4:
        nf->n_queues = h->p.head.n_queues + (random | 1);
        return VHC_REASON_QUEUES;
    case 5:
        nf->peer_token = hostile_random(&h->random) | 1;
        return VHC_REASON_PEER;
    default:
        probe_ring(&h->p, 0, i % VHC_N_RINGS)->cons = random | 1;
        probe_ring(&h->p, 0, VHC_TX)->prod = random | 1;
        return VHC_REASON_INDICES;
    }
}

void
hostile_refusals(struct hostile *h)
{
    enum vhc_reason reason = VHC_REASON_NONE;

    probe_detach(&h->p);
    for (uint32_t i = 0; i < h->count; i++) {
        probe_prepare(&h->p);
        reason = spoil(h, i);
        if (probe_request(&h->p) != VHC_REFUSED
            || h->p.host->reason != reason) {
            printf("request %u: %s, not %s\n", i, probe_reason(&h->p),
                   probe_reason_text(reason));
            exit(1);
        }
    }
    expect_state("refused", reason);
}

/* Names without an end, with quotes, escapes, and bytes that are no text. */
void
hostile_names(struct hostile *h)
{
    static const char name[] = "\033]0;a\007\"}]\\u0000\xff\xfe\r\n%s%n";
    char *shared = h->p.nf->name;

    for (uint32_t i = 0; i < h->count; i++) {
        probe_detach(&h->p);
        probe_prepare(&h->p);
        h->p.nf->pid = hostile_random(&h->random);
        for (int j = 0; j < VHC_NAME_SIZE; j++) {
            shared[j] = hostile_random(&h->random) | 1;
        }
        if (i + 1 == h->count) {
            memset(shared, '\n', VHC_NAME_SIZE);
            memcpy(shared, name, sizeof name - 1);
        }
        probe_request(&h->p);
    }
    expect_state("attached", VHC_REASON_NONE);
}
