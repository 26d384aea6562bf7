/* SPDX-License-Identifier: Apache-2.0 */

/* An NF that measures.  Does what lines on its standard input say:
 *
 *     forward     sends what comes in on a port out on that port, until the
 *                 next line but "count"
 *     swap        the same, with the MAC addresses swapped
 *     count       prints "count NS PACKETS": the time, and how many packets
 *                 came in so far
 *     idle        does nothing
 *     latency RATE WARM_S RUN_S BYTES
 *                 see latency.h
 *
 * and ends at the end of the input.  Prints "ready PORTS NS" when all ports
 * are attached, and "first NS" when the first packet comes in. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "forward.h"
#include "latency.h"
#include "ports.h"
#include "ticks.h"

static void
answer(const char *word, uint64_t n)
{
    printf("%s %"PRIu64" %"PRIu64"\n", word, clock_ns(), n);
    fflush(stdout);
}

/* Forwards until a line comes.  Returns how many packets. */
static uint64_t
forward(unsigned n_ports, bool swap, uint64_t packets)
{
    uint64_t next = 0;

    while (!command_waits(&next)) {
        unsigned n = 0;

        for (unsigned port = 0; port < n_ports; port++) {
            n += forward_burst(port, swap);
        }
        if (__builtin_expect(n && !packets, 0)) {
            answer("first", n);
        }
        packets += n;
    }
    return packets;
}

static void
run(unsigned n_ports)
{
    enum { IDLE, FORWARD, SWAP } mode = IDLE;
    struct latency_test test;
    uint64_t packets = 0;
    char line[128];

    for (;;) {
        if (mode != IDLE) {
            packets = forward(n_ports, mode == SWAP, packets);
        }
        if (!command_read(line, sizeof line)) {
            return;
        }
        if (!strcmp(line, "count")) {
            answer("count", packets);
        } else if (sscanf(line, "latency %lf %lf %lf %u", &test.rate,
                          &test.warm_s, &test.run_s, &test.len) == 4) {
            latency_run(&test, n_ports);
        } else {
            mode = (!strcmp(line, "forward") ? FORWARD
                    : !strcmp(line, "swap") ? SWAP : IDLE);
        }
    }
}

int
main(int argc, char *argv[])
{
    unsigned n_ports = ports_open(argc, argv);

    answer("ready", n_ports);
    run(n_ports);
    ports_close();
    return 0;
}
