/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_FORWARD_H
#define PERF_FORWARD_H 1

/* Sends what came in on a port out on the same port. */

#include "ports.h"
#include "swap.h"

/* Forwards a burst of 'port', with its MAC addresses swapped or untouched.
 * Returns how many packets it was. */
static inline unsigned
forward_burst(unsigned port, bool swap)
{
    frame frames[BURST];
    unsigned n = ports_receive(port, frames, BURST);

    if (!n) {
        return 0;
    }
    if (swap) {
        for (unsigned i = 0; i < n; i++) {
            swap_addresses(frame_data(&frames[i]));
        }
    }
    ports_send_all(port, frames, n);
    return n;
}

#endif /* forward.h */
