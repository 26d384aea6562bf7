/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NF_RUN_H
#define NF_RUN_H 1

/* The loop of an NF: attach, poll, handle, send, sleep, attach again.
 *
 * Usage
 * -----
 *
 *     static void
 *     handle(struct nf_burst *burst, void *aux)
 *     {
 *         for (unsigned int i = 0; i < burst->n; i++) {
 *             set verdict and mark of burst->packets[i];
 *         }
 *     }
 *
 *     struct nf_run run = {
 *         .name = "my-nf",
 *         .rings = { "/dev/shm/ovs-chain.blue.fw" }, (or NULL in a VM)
 *         .n_ports = 1,
 *         .burst = handle,
 *     };
 *     error = nf_run(&run, &err);
 *
 * With one port, packets go out where they came in.  With two, which must be
 * of one pool and have as many queues, what comes in on one goes out on the
 * other, drops too.  If one of the two ports is detached, the other is let go
 * until both are back.
 *
 * In a guest, what comes in for the guest's own kernel (frames to a MAC
 * address of its interfaces, ARP requests and IPv6 neighbour solicitations
 * for its addresses, without VLAN tags) goes there with the verdict
 * VHC_LOCAL; the handler does not see it.
 *
 * Ownership
 * ---------
 *
 * The packets of a burst are the handler's while it runs; the loop sends each
 * of them, and tries again for as long as a ring is full.  The strings and
 * 'aux' are the caller's and must outlast nf_run().
 *
 * Thread-safety
 * -------------
 *
 * All callbacks run in the thread that called nf_run(), between its polls; in
 * a VM none may take longer than a second (see "Signs of life" in nf/port.h).
 * Another thread, or a signal handler, may call nf_run_raise().  With
 * 'signals' the loop installs handlers for the process, so one thread at a
 * time may use that.  Two of them are for SIGSEGV and SIGBUS: an NF that
 * writes to a pool that it may only read, or whose ring or pool is gone
 * because the device was removed from the VM or the file was truncated, still
 * dies of them, but with words on stderr. */

#include <stdbool.h>
#include <stdio.h>

#include "nf/error.h"
#include "nf/port.h"

#define NF_RUN_PORTS 2
#define NF_DEFAULT_SPIN_US 50

/* Packets that came in together. */
struct nf_burst {
    struct nf_port *port;       /* Where they came in. */
    unsigned int queue;         /* Its queue. */
    unsigned int n;             /* 1 to NF_BURST. */
    struct nf_packet packets[NF_BURST];
};

/* Bits of nf_run_raise(). */
#define NF_RUN_STOP (1 << 0)    /* Detach and return. */
#define NF_RUN_RELOAD (1 << 1)  /* Call 'reload'. */
#define NF_RUN_REPORT (1 << 2)  /* Call 'report'. */

struct nf_run {
    /* Set by the caller; zero is a good default for the optional ones. */
    const char *name;           /* Of the NF; before each message. */
    const char *rings[NF_RUN_PORTS]; /* As for nf_port_open(). */
    unsigned int n_ports;       /* 1 or 2. */
    struct nf_port_options port; /* 'name', 'peer' and 'stop' are filled in. */
    bool writes;                /* The handler writes to packet data: do not
                                 * attach to a port that may only read. */
    bool no_local;              /* In a guest, let the handler see what is for
                                 * the guest's own kernel, too. */
    bool wait_forever;          /* Wait for missing files, too. */
    bool quiet;                 /* No messages on stderr. */
    bool signals;               /* SIGINT and SIGTERM stop, SIGHUP reloads,
                                 * SIGUSR1 reports. */
    int spin_us;                /* Polls in vain for so long before it
                                 * sleeps; 0: the default, negative: never
                                 * sleeps. */
    unsigned int stats_s;       /* Print statistics so often, in seconds, and
                                 * at the end; 0: never. */
    bool final_report;          /* Call 'report' at the end in any case. */

    void (*burst)(struct nf_burst *burst, void *aux);
    void (*reload)(void *aux);  /* May be NULL. */
    void (*report)(FILE *stream, void *aux); /* May be NULL. */
    void *aux;

    /* nf_run()'s own; zero at the start. */
    int stop;                   /* Atomic. */
    int events;                 /* Atomic, NF_RUN_*. */
};

/* Runs until told to stop.  Returns 0 then, or a positive errno value if the
 * NF could not attach in the first place. */
int nf_run(struct nf_run *run, struct nf_error *err);

/* Makes nf_run() do what 'events' say, within 100 ms.  Safe in a signal
 * handler and from other threads. */
void nf_run_raise(struct nf_run *run, int events);

#endif /* nf/run.h */
