/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
nfi_lanes_init(struct nfi_loop *loop)
{
    unsigned int n_ports = loop->run->n_ports;
    unsigned int n_lanes = 0;

    for (unsigned int i = 0; i < n_ports; i++) {
        n_lanes += nf_port_info(loop->ports[i])->n_queues;
    }
    loop->lanes = calloc(n_lanes, sizeof *loop->lanes);
    if (!loop->lanes) {
        return ENOMEM;
    }

    loop->n_lanes = 0;
    for (unsigned int i = 0; i < n_ports; i++) {
        struct nf_port *in = loop->ports[i];
        struct nf_port *out = loop->ports[n_ports - 1 - i];

        for (unsigned int j = 0; j < nf_port_info(in)->n_queues; j++) {
            struct nfi_lane *lane = &loop->lanes[loop->n_lanes++];

            lane->burst.port = in;
            lane->burst.queue = j;
            lane->out = out;
            lane->out_queue = j % nf_port_info(out)->n_queues;
            lane->check_write = nfi_port_is_guest(in);
            if (nfi_port_is_guest(in) && !loop->run->no_local) {
                lane->local = &loop->local;
                loop->has_local = true;
            }
        }
    }
    return 0;
}

void
nfi_lanes_destroy(struct nfi_loop *loop)
{
    free(loop->lanes);
    loop->lanes = NULL;
    loop->n_lanes = 0;
    loop->has_local = false;
}

/* Sends what is left of the burst of 'lane', whatever the verdicts: the switch
 * takes the buffers of a port with a peer from the peer's ring only. */
static bool
lane_flush(struct nfi_lane *lane)
{
    struct nf_burst *burst = &lane->burst;

    lane->n_sent += nf_port_send(lane->out, lane->out_queue,
                                 burst->packets + lane->n_sent,
                                 burst->n - lane->n_sent);
    return lane->n_sent == burst->n;
}

bool
nfi_lanes_flush(struct nfi_loop *loop)
{
    bool empty = true;

    for (unsigned int i = 0; i < loop->n_lanes; i++) {
        empty = lane_flush(&loop->lanes[i]) && empty;
    }
    return empty;
}

/* Moves what is for the guest's kernel to the end of the burst.  Returns how
 * many packets remain before it, in their order. */
static unsigned int
set_local_aside(struct nf_burst *burst, const struct nfi_local *local)
{
    struct nf_packet aside[NF_BURST];
    unsigned int n_aside = 0;
    unsigned int n = 0;

    for (unsigned int i = 0; i < burst->n; i++) {
        struct nf_packet *p = &burst->packets[i];

        if (nfi_local_has(local, p->data, nf_packet_len(p))) {
            nf_packet_set_verdict(p, VHC_LOCAL);
            aside[n_aside++] = *p;
        } else if (n++ != i) {
            burst->packets[n - 1] = *p;
        }
    }
    memcpy(burst->packets + n, aside, n_aside * sizeof *aside);
    return n;
}

/* Lets the handler see the burst of 'lane', without what is not for it. */
static void
handle(const struct nf_run *run, struct nfi_lane *lane)
{
    struct nf_burst *burst = &lane->burst;
    unsigned int n = burst->n;

    if (lane->check_write) {
        lane->check_write = false;
        nfi_guest_check_write(run, burst->port, &burst->packets[0]);
    }
    if (lane->local) {
        burst->n = set_local_aside(burst, lane->local);
    }
    if (burst->n) {
        run->burst(burst, run->aux);
    }
    burst->n = n;
}

unsigned int
nfi_lanes_turn(struct nfi_loop *loop, bool *blocked)
{
    const struct nf_run *run = loop->run;
    unsigned int n_handled = 0;

    for (unsigned int i = 0; i < loop->n_lanes; i++) {
        struct nfi_lane *lane = &loop->lanes[i];
        struct nf_burst *burst = &lane->burst;

        if (!lane_flush(lane)) {
            *blocked = true;
            continue;
        }
        lane->n_sent = 0;
        burst->n = nf_port_receive(burst->port, burst->queue, burst->packets,
                                   NF_BURST);
        if (burst->n) {
            n_handled += burst->n;
            handle(run, lane);
            *blocked |= !lane_flush(lane);
        }
    }
    return n_handled;
}
