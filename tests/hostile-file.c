/* SPDX-License-Identifier: Apache-2.0 */

/* What an NF may do to its ring file and to the locks on it. */

#define _GNU_SOURCE 1           /* For fallocate(). */

#include "hostile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096

static void
resize(const struct hostile *h, off_t size)
{
    if (ftruncate(h->p.ring_fd, size)) {
        probe_die("ftruncate", "ring file");
    }
}

/* It does not look at what it has mapped any more: that is gone. */
void
hostile_truncate(struct hostile *h)
{
    resize(h, 0);
    expect_state("detached", VHC_REASON_LOST);
}

/* The rings go, the control blocks stay. */
void
hostile_shorten(struct hostile *h)
{
    resize(h, VHC_RINGS_OFF);
    expect_state("detached", VHC_REASON_LOST);
}

void
hostile_grow(struct hostile *h)
{
    resize(h, 4 * h->p.ring_size);
    probe_pause();
    resize(h, h->p.ring_size);
    expect_state("attached", VHC_REASON_NONE);
}

/* What it finds where nothing is any more may look like a request to detach,
 * or like a file that was truncated. */
void
hostile_resize(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    uint64_t n = 0;

    while (hostile_lasts(h, &clock, "sizes", n++)) {
        resize(h, hostile_random(&h->random) % (2 * h->p.ring_size));
    }
    resize(h, 0);
    expect_nothing();
}

/* Indices and entries become zero while they are in use; the control blocks
 * stay. */
void
hostile_punch(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    uint64_t n = 0;

    while (hostile_lasts(h, &clock, "holes", n++)) {
        off_t page = (hostile_random(&h->random)
                      % (h->p.ring_size - VHC_RINGS_OFF) / PAGE_SIZE);

        if (fallocate(h->p.ring_fd, FALLOC_FL_PUNCH_HOLE
                      | FALLOC_FL_KEEP_SIZE,
                      VHC_RINGS_OFF + page * PAGE_SIZE, PAGE_SIZE)) {
            probe_die("fallocate", "ring file");
        }
    }
    expect_nothing();
}

/* The switch's lock is the switch's, also as part of a range. */
void
hostile_host_lock(struct hostile *h)
{
    const int ranges[][2] = {
        { VHC_LOCK_HOST, 1 }, { 0, 0 }, { 0, 2 }, { VHC_LOCK_HOST, 0 },
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (!probe_lock(&h->p, F_WRLCK, ranges[i][0], ranges[i][1])
            || !probe_lock(&h->p, F_RDLCK, ranges[i][0], ranges[i][1])) {
            puts("took the switch's lock");
            exit(1);
        }
    }
    if (probe_lock(&h->p, F_WRLCK, VHC_LOCK_HOST + 1, 0)) {
        probe_die("lock", "the rest of the ring file");
    }
    expect_state("attached", VHC_REASON_NONE);
}

/* Gets the switch's lock when the port is deleted, and keeps it. */
void
hostile_take_lock(struct hostile *h)
{
    while (probe_lock(&h->p, F_WRLCK, VHC_LOCK_HOST, 1)) {
        probe_pause();
    }
    expect_nothing();
}

void
hostile_unlock(struct hostile *h)
{
    hostile_collect(h);
    probe_lock(&h->p, F_UNLCK, 0, 0);
    hostile_await_end(h);
    expect_state("detached", VHC_REASON_GONE);
}

/* Ends with the ring file. */
static _Noreturn void
stay(const struct hostile *h)
{
    struct stat st;

    while (!fstat(h->p.ring_fd, &st) && st.st_nlink) {
        probe_pause();
    }
    _exit(0);
}

/* A second process has the lock too, and keeps it when this one is killed:
 * the switch cannot tell. */
void
hostile_keep_lock(struct hostile *h)
{
    pid_t child;

    hostile_collect(h);
    child = fork();
    if (!child) {
        stay(h);
    }
    printf("keeper %d\n", (int) child);
    expect_owned(h->count);
    expect_state("attached", VHC_REASON_NONE);
}

/* It does not say that it has a lock: nobody notices that it is killed. */
void
hostile_no_lock(struct hostile *h)
{
    probe_detach(&h->p);
    probe_lock(&h->p, F_UNLCK, 0, 0);
    h->p.features &= ~VHC_NF_F_LOCK;
    probe_attach(&h->p);
    hostile_collect(h);
    expect_owned(h->count);
    expect_state("attached", VHC_REASON_NONE);
}

void
hostile_lock_churn(struct hostile *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        probe_lock(&h->p, F_UNLCK, VHC_LOCK_NF, 1);
        while (probe_is_attached(&h->p)) {
            probe_pause();
        }
        while (probe_lock(&h->p, F_WRLCK, VHC_LOCK_NF, 1)) {
            probe_pause();      /* The switch only looks, others may not. */
        }
        probe_attach(&h->p);
    }
    expect_attachments(h->count + 1);
    expect_state("attached", VHC_REASON_NONE);
}
