/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NF_PORT_H
#define NF_PORT_H 1

/* A port: the rings between this NF and the switch, and the pool behind them.
 *
 * Most NFs leave ports to nf_main() (nf/main.h) or nf_run() (nf/run.h).
 *
 * Usage
 * -----
 *
 *     struct nf_packet packets[NF_BURST];
 *
 *     error = nf_port_open("/dev/shm/ovs-chain.blue.fw", NULL, &port, &err);
 * or, in a VM that has one port,
 *     error = nf_port_open(NULL, NULL, &port, &err);
 *
 *     while (!nf_port_status(port, &err)) {
 *         n = nf_port_receive(port, 0, packets, NF_BURST);
 *         for (i = 0; i < n; i++) {
 *             look at packets[i].data, set verdict and mark;
 *         }
 *         for (sent = 0; sent < n && !nf_port_status(port, &err); ) {
 *             sent += nf_port_send(port, 0, packets + sent, n - sent);
 *         }
 *         if (!n) {
 *             nf_wait(&port, 1, 100000);
 *         }
 *     }
 *     nf_port_close(port);
 *
 * Ownership
 * ---------
 *
 * A packet that was received or allocated belongs to the NF until it is sent;
 * one that it has done with is sent too, with the verdict VHC_DROP.  The
 * switch may detach the port at any time: receive, send and alloc then return
 * 0, nf_port_status() says why, and the packets that the NF held are the
 * switch's again.  The caller closes the port and may open it anew.
 *
 * A packet goes back, dropped ones too, to the queue that it came from.  If
 * the port has a peer (see 'peer' in struct nf_port_options) it goes to the
 * same queue of the peer instead, and only there: the switch refuses a buffer
 * that comes back elsewhere.  Open both ports before you receive from one.
 *
 * Signs of life
 * -------------
 *
 * An NF in a VM must call nf_port_receive(), nf_port_send() or nf_wait() for
 * each of its ports every second or so, also while it works on something else
 * (reads a file, opens another port, waits for a program): by nothing else
 * does the switch see that it lives.  It detaches an NF that did not for three
 * seconds, or for one while the VM's network device is stopped.  nf_wait()
 * may last as long as it likes; nf_port_open() does it for the peer.
 *
 * Thread-safety
 * -------------
 *
 * A port may be used by one thread at a time; opening a port uses its peer.
 * Different ports share nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nf/error.h"
#include "nf/packet.h"

#define NF_BURST 32             /* Packets of a burst that suits caches. */
#define NF_WAIT_PORTS 16        /* Ports that nf_wait() can wait for. */
#define NF_DEFAULT_TIMEOUT_MS 5000
#define NF_DEVICE_SIZE 32       /* Bytes of a PCI address, NUL included. */

struct nf_port;

/* How to open a port.  All zeros are the defaults. */
struct nf_port_options {
    const char *pool_path;      /* NULL: "ovs-chain.POOL" beside the ring.
                                 * Only for ring files. */
    const char *pci_path;       /* Folder of a guest's PCI devices; NULL:
                                 * /sys/bus/pci/devices. */
    const char *name;           /* Of the NF, for people; NULL: "nf". */
    bool read_only;             /* Map the pool read-only in any case. */
    bool polls;                 /* nf_wait() will not be called, or only to
                                 * return at once: a process's switch need not
                                 * look then whether to wake it, and sends to
                                 * it at less cost.  Means nothing in a
                                 * guest. */
    uint32_t fill_level;        /* Empty buffers to keep at hand, a queue; 0
                                 * if the NF originates nothing. */
    struct nf_port *peer;       /* A port of the same pool that this NF has
                                 * open, with as many queues, if packets that
                                 * come in on one of the two go out on the
                                 * other; or NULL.  Used by nf_port_open()
                                 * only, which keeps it attached meanwhile. */
    int timeout_ms;             /* For the switch's answer.  0: the default,
                                 * negative: for ever. */
    const int *stop;            /* If not NULL: give up with EINTR once this
                                 * is nonzero (set atomically). */
};

/* What the switch says about a port; constant while the port is open. */
struct nf_port_info {
    char port[VHC_NAME_SIZE];   /* Name of the OVS port. */
    char pool[VHC_NAME_SIZE];   /* Name of the pool. */
    uint8_t pool_uuid[VHC_UUID_SIZE];
    uint32_t n_queues;          /* 1 to VHC_MAX_QUEUES. */
    uint32_t ring_size;         /* Entries of each ring. */
    uint32_t generation;        /* Counts attachments. */
    uint32_t credits;           /* Buffers that the port may own. */
    uint32_t max_len;           /* Bytes of the longest frame to send. */
    uint32_t headroom;          /* Bytes before an allocated frame. */
    uint32_t buffer_size;       /* Bytes of a buffer, headroom included. */
    bool read_only;             /* The pool is mapped read-only. */
    char device[NF_DEVICE_SIZE]; /* PCI address of the ring in a guest, or ""
                                 * if the ring is a file. */
    uint32_t load_ps;           /* In a guest: picoseconds of a load from the
                                 * pool, */
    uint32_t own_load_ps;       /* and from memory of the NF's own. */
    bool uncached;              /* In a guest: by these times, the pool is not
                                 * cached memory. */
};

/* Counts since the port was opened. */
struct nf_port_stats {
    uint64_t rx_packets;        /* Received. */
    uint64_t rx_bytes;
    uint64_t rx_bad;            /* Descriptors that named no packet; given
                                 * back to the switch. */
    uint64_t tx_packets;        /* Sent with the verdict VHC_FORWARD. */
    uint64_t tx_bytes;
    uint64_t dropped;           /* Sent with the verdict VHC_DROP. */
    uint64_t local;             /* Sent with the verdict VHC_LOCAL. */
    uint64_t tx_full;           /* Sends that the ring had no room for. */
    uint64_t allocated;         /* Buffers from nf_port_alloc(). */
    uint64_t sleeps;            /* Times nf_wait() slept. */
    uint64_t wakeups;           /* Sleeps that the switch ended. */
};

/* Opens a ring and its pool, and attaches to the switch, which must answer in
 * time.  'ring' is the path of a ring file if it contains a '/'; otherwise it
 * is the name of a port among the PCI devices of this guest, or NULL for the
 * only one.  'options' may be NULL.
 *
 * Returns 0 and stores the port, which the caller closes, in '*portp';
 * otherwise '*portp' is NULL, nothing stays open, and the result is ENOENT or
 * another errno of open(2), EINVAL for a file or device that is not what it
 * should be, ENODEV if a PCI device is missing, ESTALE if the switch removed
 * what a PCI device shows, EBUSY if another NF has the port, EXDEV if the
 * peer is of another pool, ETIMEDOUT if the switch does not answer,
 * ECONNREFUSED if it refuses, EINTR if told to stop. */
int nf_port_open(const char *ring, const struct nf_port_options *options,
                 struct nf_port **portp, struct nf_error *err);

/* Detaches from the switch and unmaps everything.  Waits a little for the
 * switch to take what was sent.  Accepts NULL. */
void nf_port_close(struct nf_port *port);

/* Returns what the switch granted; the port's. */
const struct nf_port_info *nf_port_info(const struct nf_port *port);

/* Returns the counters; the port's, and they go on counting. */
const struct nf_port_stats *nf_port_stats(const struct nf_port *port);

/* Returns 0 while 'port' is attached, ENOTCONN once the switch has detached
 * it, EPROTO if an index of the switch was impossible. */
int nf_port_status(const struct nf_port *port, struct nf_error *err);

/* Receives up to 'n' packets from 'queue', which must be less than the
 * port's number of queues.  Returns how many were stored in 'packets'. */
unsigned int nf_port_receive(struct nf_port *port, unsigned int queue,
                             struct nf_packet *packets, unsigned int n);

/* Sends the first of the 'n' packets at 'packets', each with its verdict, to
 * 'queue'.  Returns how many; the rest are still the caller's. */
unsigned int nf_port_send(struct nf_port *port, unsigned int queue,
                          const struct nf_packet *packets, unsigned int n);

/* Takes up to 'n' empty buffers for packets that the NF originates; see
 * 'fill_level'.  A frame starts with no bytes: nf_packet_append() them.
 * Returns how many were stored in 'packets'. */
unsigned int nf_port_alloc(struct nf_port *port, unsigned int queue,
                           struct nf_packet *packets, unsigned int n);

/* Sleeps until one of the 'n_ports' ports may have packets, at most for
 * 'timeout_us' microseconds.
 *
 * Returns 0 if one may have, also if one 'polls' (see struct nf_port_options)
 * and cannot be woken therefore, ETIMEDOUT, perhaps early, EINTR if a signal
 * came, EINVAL if there are no ports or more than NF_WAIT_PORTS. */
int nf_wait(struct nf_port *const ports[], size_t n_ports,
            unsigned int timeout_us);

#endif /* nf/port.h */
