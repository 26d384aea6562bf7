/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_NAP_H
#define NFI_NAP_H 1

/* Waiting for shared memory to change, where nobody wakes the waiter.
 *
 * Usage
 * -----
 *
 *     struct nfi_nap nap = nfi_nap_init(20000, NULL);
 *
 *     while (not yet && !(error = nfi_nap(&nap))) {
 *         continue;
 *     }
 *
 * Thread-safety: one thread at a time. */

#include <stdint.h>

struct nfi_nap {
    uint64_t deadline;          /* In microseconds. */
    unsigned int us;            /* Of the next nap. */
    const int *stop;            /* NULL, or gives up once it is nonzero. */
};

/* Returns microseconds of CLOCK_MONOTONIC. */
uint64_t nfi_now_us(void);

/* Starts to wait for at most 'timeout_us' microseconds, UINT64_MAX for ever.
 */
struct nfi_nap nfi_nap_init(uint64_t timeout_us, const int *stop);

/* Sleeps a little, longer each time.  Returns 0, ETIMEDOUT or EINTR. */
int nfi_nap(struct nfi_nap *nap);

#endif /* nap.h */
