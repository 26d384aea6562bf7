/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_LATENCY_H
#define PERF_LATENCY_H 1

/* How long packets take through a chain: from port 0, where they are made and
 * come back, through all others, which forward them.
 *
 * The generator is an open loop: packets have times at which they are due, a
 * fixed interval apart, whatever became of those before them.  The time that
 * is measured begins when a packet was due, not when it was sent, so that a
 * chain that stops for a while answers for all packets that were due
 * meanwhile.  A rate of 0 is a closed loop instead, which finds out what the
 * chain can do.
 *
 * Thread-safety: none. */

#include <stdint.h>

struct latency_test {
    double rate;                /* Packets a second; 0: closed loop. */
    double warm_s;              /* Seconds not measured, at the start. */
    double run_s;               /* Seconds measured. */
    unsigned len;               /* Bytes of a frame. */
};

/* Runs 'test' on 'n_ports' ports, 2 at least, and prints a line "latency" with
 * what it found, and one "cdf". */
void latency_run(const struct latency_test *test, unsigned n_ports);

#endif /* latency.h */
