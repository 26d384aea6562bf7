/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_PORTS_H
#define PERF_PORTS_H 1

/* The ports of a measuring NF, in one of two back ends, so that the same code
 * measures both sides: reference lanes (libnf-shim), or ethdevs of DPDK
 * (virtio_user, memif).
 *
 * Usage
 * -----
 *
 *     n_ports = ports_open(argc, argv);
 *     n = ports_receive(port, frames, BURST);
 *     ... frame_data(&frames[i]), frame_len(&frames[i]) ...
 *     ports_send_all(port, frames, n);
 *     ports_close();
 *
 * Ownership: a frame that was received or allocated is the caller's until it
 * is sent.  ports_close() takes care of those that are left.
 *
 * Thread-safety: none; a process has one set of ports.
 *
 * Errors: ports_open() ends the process, with words on stderr; so does
 * ports_alloc() if there are no buffers. */

#include <stdbool.h>
#include <stdint.h>

#define BURST 32

#ifdef PERF_DPDK
#include "ports-dpdk.h"
#else
#include "ports-shim.h"
#endif

/* Opens the ports that the command line names, and returns how many. */
unsigned ports_open(int argc, char *argv[]);
void ports_close(void);

/* Fills in 'n' frames of 'len' bytes, not initialized, to be sent on 'port'.
 */
void ports_alloc(unsigned port, frame *frames, unsigned n, unsigned len);

/* In the back ends' headers:
 *
 *     unsigned ports_receive(unsigned port, frame *frames, unsigned n);
 *     unsigned ports_send(unsigned port, frame *frames, unsigned n);
 *     void ports_drop(unsigned port, frame *frames, unsigned n);
 *     bool ports_alive(unsigned port);
 *     uint8_t *frame_data(frame *);
 *     unsigned frame_len(frame *);
 */

/* Sends all of 'frames', however long it takes; what a port that is gone does
 * not take is dropped. */
static inline void
ports_send_all(unsigned port, frame *frames, unsigned n)
{
    unsigned sent = ports_send(port, frames, n);

    while (__builtin_expect(sent < n, 0)) {
        if (!ports_alive(port)) {
            ports_drop(port, frames + sent, n - sent);
            return;
        }
        sent += ports_send(port, frames + sent, n - sent);
    }
}

#endif /* ports.h */
