/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_MEMTYPE_H
#define NFI_MEMTYPE_H 1

/* Whether shared memory is cached.
 *
 * A guest's kernel maps the memory of PCI devices uncached or write-combining.
 * On most hosts that has no effect, because the hypervisor overrides it; where
 * it has, each load from a packet goes to the memory itself.  No interface
 * tells, so the time that loads take has to.
 *
 * Usage
 * -----
 *
 *     nfi_load_times_measure(&times, pool);
 *     if (!nfi_load_times_are_cached(&times)) {
 *         warn;
 *     }
 *
 * Thread-safety: functions without state. */

#include <stdbool.h>
#include <stdint.h>

/* Picoseconds that a load takes. */
struct nfi_load_times {
    uint32_t shared_ps;         /* From the shared memory. */
    uint32_t private_ps;        /* From memory of this process. */
};

/* Times loads from the first VHC_CACHE_LINE bytes at 'shared', which nobody
 * writes to, and from memory of its own.  Takes less than a millisecond, a
 * few if the memory is not cached. */
void nfi_load_times_measure(struct nfi_load_times *times, const void *shared);

/* Says what the times mean. */
bool nfi_load_times_are_cached(const struct nfi_load_times *times);

#endif /* memtype.h */
