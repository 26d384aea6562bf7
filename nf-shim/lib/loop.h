/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_LOOP_H
#define NFI_LOOP_H 1

/* The ports of a running NF and the packets that it has in hand.
 *
 * Usage: nf_run() in run.c is the only user; lanes.c moves the packets.
 *
 * Thread-safety: one thread at a time. */

#include "local.h"
#include "port-private.h"
#include "nf/run.h"

/* What comes in on one queue of one port. */
struct nfi_lane {
    struct nf_burst burst;      /* In hand. */
    unsigned int n_sent;        /* Packets of 'burst' that are gone. */
    struct nf_port *out;        /* Where they go. */
    unsigned int out_queue;
    const struct nfi_local *local; /* What the guest's kernel gets; or NULL. */
    bool check_write;           /* See nfi_guest_check_write(). */
};

struct nfi_loop {
    struct nf_run *run;
    struct nf_port *ports[NF_RUN_PORTS]; /* NULL while not attached. */
    struct nf_port_stats past[NF_RUN_PORTS]; /* Of earlier attachments. */
    char names[NF_RUN_PORTS][VHC_NAME_SIZE]; /* Of the ports. */
    struct nfi_lane *lanes;     /* One a queue of each port. */
    unsigned int n_lanes;

    /* Times in microseconds, CLOCK_MONOTONIC; 0 for none. */
    uint64_t idle_since;
    uint64_t next_stats;
    uint64_t next_look;         /* For ports that are abandoned. */
    uint64_t next_refresh;      /* Of 'local'. */

    /* In a guest. */
    struct nfi_local local;     /* Addresses of the guest's kernel. */
    bool has_local;             /* Some lane uses 'local'. */
    bool said_uncached;
    bool said_naps[NF_RUN_PORTS];
};

/* Prints a message, with the NF's name before it, unless 'run' is quiet. */
void nfi_loop_say(const struct nf_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Warns of what is wrong with the 'i'th port, which is attached. */
void nfi_guest_attached(struct nfi_loop *loop, unsigned int i);

/* Makes sure that what an NF writes to packets arrives, with 'p', one of its
 * packets on 'port': QEMU drops without a word what a guest writes to a device
 * that it maps read-only. */
void nfi_guest_check_write(const struct nf_run *run,
                           const struct nf_port *port,
                           const struct nf_packet *p);

/* Looks whether wake-ups work and which addresses the guest has, if it is
 * time to; 'now' is in microseconds. */
void nfi_guest_look(struct nfi_loop *loop, uint64_t now);

/* Makes the lanes for the ports of 'loop', all of which are attached.
 * Returns 0 or ENOMEM. */
int nfi_lanes_init(struct nfi_loop *loop);

/* Frees the lanes.  Packets in hand are left to the switch. */
void nfi_lanes_destroy(struct nfi_loop *loop);

/* Moves at most one burst through each lane.  Sets '*blocked' if packets stay
 * in hand because a ring is full.  Returns how many packets were handled. */
unsigned int nfi_lanes_turn(struct nfi_loop *loop, bool *blocked);

/* Sends what is in hand.  Returns true if nothing is left. */
bool nfi_lanes_flush(struct nfi_loop *loop);

#endif /* loop.h */
