/* SPDX-License-Identifier: Apache-2.0 */

/*     perf-nf-shim [--source] RING...
 *
 * With --source, the first port can make packets. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports.h"
#include "ticks.h"

#define FILL_LEVEL 256          /* Empty buffers at hand on port 0. */
#define ALLOC_NS UINT64_C(5000000000)

struct nf_port **shim_ports;
static unsigned n_shim_ports;

unsigned
ports_open(int argc, char *argv[])
{
    struct nf_port_options options = { .name = "perf-nf", .polls = true };
    bool source = argc > 1 && !strcmp(argv[1], "--source");
    struct nf_error err;

    argc -= source;
    argv += source;
    shim_ports = calloc(argc, sizeof *shim_ports);
    if (!shim_ports) {
        perror("perf-nf");
        exit(1);
    }
    for (int i = 1; i < argc; i++) {
        options.fill_level = source && i == 1 ? FILL_LEVEL : 0;
        if (nf_port_open(argv[i], &options, &shim_ports[i - 1], &err)) {
            fprintf(stderr, "perf-nf: %s: %s\n", argv[i], err.text);
            exit(1);
        }
        n_shim_ports++;
    }
    return n_shim_ports;
}

void
ports_close(void)
{
    for (unsigned i = 0; i < n_shim_ports; i++) {
        nf_port_close(shim_ports[i]);
    }
    free(shim_ports);
}

/* The switch hands out empty buffers by and by, on port 0. */
void
ports_alloc(unsigned port, frame *frames, unsigned n, unsigned len)
{
    uint64_t deadline = clock_ns() + ALLOC_NS;
    unsigned got = 0;

    while (got < n) {
        got += nf_port_alloc(shim_ports[port], 0, frames + got, n - got);
        if (clock_ns() > deadline) {
            fprintf(stderr, "perf-nf: the switch gave %u buffers of %u\n",
                    got, n);
            exit(1);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!nf_packet_append(&frames[i], len)) {
            fprintf(stderr, "perf-nf: a buffer has no room for %u bytes\n",
                    len);
            exit(1);
        }
    }
}
