/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_GUARD_H
#define VHC_GUARD_H 1

/* Keeps the switch alive when somebody truncates a file that it has mapped.
 *
 * Whoever may open a shared file for writing, as a process NF must, may also
 * shrink it; the next access to a page that is gone raises SIGBUS, which ends
 * the process.  A guarded mapping instead becomes private memory of zeros, and
 * its owner is told so that it can detach the NF.
 *
 * The first guard installs a handler for SIGBUS.  Faults elsewhere go to the
 * handler that was installed before.
 *
 * Thread-safety: add and remove, one thread at a time; faults, any thread. */

#include <stdbool.h>
#include <stddef.h>

/* Guards the mapping of 'size' bytes at 'base'.  When it is lost, '*lost' is
 * set to true, from a signal handler.  Returns 0, or ENOSPC if there are too
 * many guards, or another errno value if the handler cannot be installed. */
int vhc_guard_add(void *base, size_t size, bool *lost);

/* Ends the guard of the mapping at 'base', if there is one. */
void vhc_guard_remove(void *base);

#endif /* guard.h */
