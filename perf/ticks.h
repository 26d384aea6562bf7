/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_TICKS_H
#define PERF_TICKS_H 1

/* Time, cheaply: the processor's time stamp counter, which is constant and the
 * same on all cores of the machines that this is for. */

#include <stdint.h>
#include <time.h>

#include <x86intrin.h>

static inline uint64_t
ticks(void)
{
    return __rdtsc();
}

/* Returns nanoseconds of CLOCK_MONOTONIC, which other processes see too. */
static inline uint64_t
clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Both clocks at one moment, and how fast the first is since then. */
struct moment {
    uint64_t ticks;
    uint64_t ns;
};

static inline struct moment
moment(void)
{
    return (struct moment) { .ticks = ticks(), .ns = clock_ns() };
}

static inline double
ticks_per_second(const struct moment *since)
{
    struct moment now = moment();

    return (now.ticks - since->ticks) * 1e9 / (now.ns - since->ns);
}

#endif /* ticks.h */
