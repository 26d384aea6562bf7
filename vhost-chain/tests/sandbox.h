/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_H
#define SANDBOX_H 1

/* Directories for the files of pools and ports, and pools that need no
 * hugepages.
 *
 * Setup and teardown of a test or group of cmocka, and what is in between. */

#include <stddef.h>

#include "scratch.h"
#include "vhc/pool.h"

#define MIB ((size_t) 1 << 20)
#define SANDBOX_PRIV_SIZE 64    /* Bytes behind an mbuf; the mark is first. */

extern struct scratch sandbox_pools; /* Files of pools. */
extern struct scratch sandbox_links; /* Links, owners and rings. */

int sandbox_setup(void **state);
int sandbox_teardown(void **state);

/* Returns how many files there are. */
int sandbox_count(void);

/* Returns what makes a pool "blue" of 4 MiB. */
struct vhc_pool_config sandbox_config(void);

/* Creates a pool, which must succeed. */
struct vhc_pool *sandbox_create(const struct vhc_pool_config *config);

/* Returns the account of 'pool', which must balance. */
struct vhc_account sandbox_account(const struct vhc_pool *pool);

#endif /* sandbox.h */
