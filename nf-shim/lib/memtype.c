/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "memtype.h"

#include <string.h>
#include <time.h>

#include "vhc/abi.h"

#define N_TRIALS 16             /* The fastest counts: the others were
                                 * interrupted. */
#define N_LOADS 512             /* A trial; several times the clock's
                                 * resolution, also where they are fast. */

/* A load from a cache takes under two nanoseconds, one from uncached memory a
 * hundred or more.  On an emulated processor all take about the same. */
#define CACHED_PS 20000         /* So fast is good in any case. */
#define MAX_RATIO 8

static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

/* Returns the picoseconds that a load of the 8 bytes at 'p' takes. */
static uint32_t
time_loads(const volatile uint64_t *p)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < N_TRIALS; i++) {
        uint64_t start = now_ns();
        uint64_t ns;

        for (int j = 0; j < N_LOADS; j++) {
            (void) p[j % (VHC_CACHE_LINE / sizeof *p)];
        }
        ns = now_ns() - start;
        best = ns < best ? ns : best;
    }
    best = best * 1000 / N_LOADS;
    return best < UINT32_MAX ? best : UINT32_MAX;
}

void
nfi_load_times_measure(struct nfi_load_times *times, const void *shared)
{
    uint64_t line[VHC_CACHE_LINE / sizeof(uint64_t)];

    memset(line, 0, sizeof line);
    times->private_ps = time_loads(line);
    times->shared_ps = time_loads(shared);
}

bool
nfi_load_times_are_cached(const struct nfi_load_times *times)
{
    return (times->shared_ps <= CACHED_PS
            || times->shared_ps / MAX_RATIO <= times->private_ps);
}
