/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_WAKE_H
#define NFI_WAKE_H 1

/* How a port in a guest is woken: by a frame of VHC_WAKE_ETHERTYPE, which the
 * switch puts on the port's virtqueues and the guest's kernel hands to a
 * packet socket.  The socket takes frames with the token of this attachment
 * only: those for other ports, and those that somebody else on the network
 * makes up, are gone before they fill it.
 *
 * Usage
 * -----
 *
 *     nfi_wake_open(&wake, token);
 *     us = nfi_wake_limit(wakes, n_wakes, us);
 *     error = nfi_wake_wait(wakes, n_wakes, us);
 *     if (error == ETIMEDOUT and there are packets) {
 *         nfi_wake_missed(&wake, us);
 *     }
 *     nfi_wake_close(&wake);
 *
 * Without frames (the interface is down, its driver is not loaded, packet
 * sockets are forbidden) packets would wait as long as a sleep lasts.  So
 * once sleeps have missed packets they become naps, and sleeps again with the
 * first frame that comes.
 *
 * Thread-safety: one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhc/abi.h"

#define NFI_WAKE_NAP_US 2000    /* Longest nap, in microseconds. */
#define NFI_WAKE_MISSES 3       /* In a row, before sleeps become naps: a
                                 * frame may be late once. */

struct nfi_wake {
    int fd;                     /* Not blocking; -1 if there is none. */
    int error;                  /* Why there is none, or 0. */
    bool works;                 /* A frame has come and none was missed since
                                 * often enough to doubt it. */
    unsigned int n_missed;      /* Sleeps in a row that missed packets. */
};

/* Opens the socket, for an attachment that has 'token'.  Without one, there
 * are only naps. */
void nfi_wake_open(struct nfi_wake *wake, uint64_t token);

/* From now on the socket 'fd' receives nothing but datagrams that are what
 * follows the Ethernet header of a wake-up frame with 'token'.  Returns 0 or a
 * positive errno value. */
int nfi_wake_filter(int fd, uint64_t token);

/* Closes the socket. */
void nfi_wake_close(struct nfi_wake *wake);

/* Returns how long a sleep on the 'n' at 'wakes' that shall last 'us'
 * microseconds may last: less if one of them naps. */
unsigned int nfi_wake_limit(struct nfi_wake *const wakes[], size_t n,
                            unsigned int us);

/* Sleeps until a frame for one of the 'n' at 'wakes' comes, at most for 'us'
 * microseconds.  'n' is at most NF_WAIT_PORTS.  Returns 0 if one may have
 * come, and all that came are taken: look at the rings; otherwise ETIMEDOUT or
 * EINTR. */
int nfi_wake_wait(struct nfi_wake *const wakes[], size_t n, unsigned int us);

/* Notes that a sleep that might last 'us' microseconds went by although there
 * were packets.  One that was cut to a nap says nothing. */
void nfi_wake_missed(struct nfi_wake *wake, unsigned int us);

/* Returns true if there are only naps. */
static inline bool
nfi_wake_naps(const struct nfi_wake *wake)
{
    return wake->fd < 0 || wake->n_missed >= NFI_WAKE_MISSES;
}

#endif /* wake.h */
