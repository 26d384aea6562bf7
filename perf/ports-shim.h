/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_PORTS_SHIM_H
#define PERF_PORTS_SHIM_H 1

/* Ports that are reference lanes: see ports.h. */

#include <nf/shim.h>

typedef struct nf_packet frame;

extern struct nf_port **shim_ports;

static inline unsigned
ports_receive(unsigned port, frame *frames, unsigned n)
{
    return nf_port_receive(shim_ports[port], 0, frames, n);
}

static inline unsigned
ports_send(unsigned port, frame *frames, unsigned n)
{
    return nf_port_send(shim_ports[port], 0, frames, n);
}

static inline bool
ports_alive(unsigned port)
{
    struct nf_error err;

    return !nf_port_status(shim_ports[port], &err);
}

/* Those that cannot be sent are the switch's again when the port closes. */
static inline void
ports_drop(unsigned port, frame *frames, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        nf_packet_set_verdict(&frames[i], VHC_DROP);
    }
    ports_send(port, frames, n);
}

static inline uint8_t *
frame_data(frame *f)
{
    return f->data;
}

static inline unsigned
frame_len(frame *f)
{
    return nf_packet_len(f);
}

#endif /* ports-shim.h */
