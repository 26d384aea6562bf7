/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_FAULT_H
#define NFI_FAULT_H 1

/* Words for an NF that dies because of its ports' memory: it writes to a
 * packet of a pool that it may only read, or the memory is gone.  Other faults
 * take the course that they took before.
 *
 * Usage
 * -----
 *
 *     nfi_fault_catch();
 *     nfi_fault_watch(slot, NFI_FAULT_RING, ring, ring_size, "fw");
 *     nfi_fault_watch(slot, NFI_FAULT_POOL, pool, pool_size, "fw");
 *     nfi_fault_watch(slot, NFI_FAULT_WRITE, pool, pool_size, "fw");
 *     ...
 *     nfi_fault_forget(slot);
 *
 * Thread-safety: signals are the process's, so one thread at a time. */

#include <stddef.h>

enum nfi_fault {
    NFI_FAULT_WRITE,            /* SIGSEGV: a pool that may only be read. */
    NFI_FAULT_RING,             /* SIGBUS: a ring that is gone. */
    NFI_FAULT_POOL,             /* SIGBUS: a pool that is gone. */
    NFI_N_FAULTS
};

/* Installs the handlers of SIGSEGV and SIGBUS.  Does nothing the second
 * time. */
void nfi_fault_catch(void);

/* From now on 'fault' in the 'size' bytes at 'start' has to do with port
 * 'port'.  'slot' is less than NF_RUN_PORTS. */
void nfi_fault_watch(unsigned int slot, enum nfi_fault fault,
                     const void *start, size_t size, const char *port);

/* From now on no fault has to do with 'slot'. */
void nfi_fault_forget(unsigned int slot);

#endif /* fault.h */
