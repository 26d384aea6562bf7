/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_SWAP_H
#define PERF_SWAP_H 1

/* What a forwarder that touches packets does to each. */

#include <stdint.h>
#include <string.h>

/* Swaps the MAC addresses of the Ethernet frame at 'data'. */
static inline void
swap_addresses(uint8_t *data)
{
    uint8_t dst[6];

    memcpy(dst, data, sizeof dst);
    memcpy(data, data + 6, 6);
    memcpy(data + 6, dst, sizeof dst);
}

#endif /* swap.h */
