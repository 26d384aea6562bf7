/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "nap.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

/* Sleeps between two looks at shared memory, in microseconds. */
#define FIRST_NAP_US 20
#define LAST_NAP_US 1000

uint64_t
nfi_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

struct nfi_nap
nfi_nap_init(uint64_t timeout_us, const int *stop)
{
    return (struct nfi_nap) {
        .deadline = timeout_us == UINT64_MAX ? UINT64_MAX
                    : nfi_now_us() + timeout_us,
        .us = FIRST_NAP_US,
        .stop = stop,
    };
}

int
nfi_nap(struct nfi_nap *n)
{
    struct timespec ts = { .tv_nsec = n->us * 1000 };

    if (n->stop && __atomic_load_n(n->stop, __ATOMIC_ACQUIRE)) {
        return EINTR;
    }
    if (nfi_now_us() >= n->deadline) {
        return ETIMEDOUT;
    }
    nanosleep(&ts, NULL);
    n->us = n->us * 2 < LAST_NAP_US ? n->us * 2 : LAST_NAP_US;
    return 0;
}
