/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNEL_H
#define KERNEL_H 1

/* What the switch under test asks of the kernel and would not get the same
 * each time: the time, random numbers; or would not get fast: the pages of a
 * pool; or what we want to know of: mappings.  Its sources are compiled with
 * the names of those functions changed to these.
 *
 * Thread-safety: none. */

#include <stddef.h>
#include <stdint.h>

struct kernel {
    uint64_t now_ms;
    uint64_t random;            /* The last number. */

    /* Called for each shared mapping, and before one goes; may be NULL. */
    void (*mapped)(void *base, size_t size);
    void (*unmapped)(const void *base);
};

extern struct kernel kernel;

/* Starts time and numbers anew; different numbers for another 'seed'. */
void kernel_reset(uint64_t seed);

#endif /* kernel.h */
