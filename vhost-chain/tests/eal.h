/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EAL_H
#define EAL_H 1

/* DPDK for a test: without root, hugepages, devices or traces.
 *
 * Group setup and teardown of cmocka. */

int eal_setup(void **state);
int eal_teardown(void **state);

#endif /* eal.h */
