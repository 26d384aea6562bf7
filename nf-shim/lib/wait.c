/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "port-private.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "nap.h"

/* Going to sleep without missing a packet: the NF's half of barrier (C) in
 * vhc/ring.h.
 *
 *     NF                                  switch
 *     --                                  ------
 *     seq = wake_seq                      put packets, submit
 *     need_wakeup = new number            full fence
 *     full fence                          if (need_wakeup is a new number)
 *     any packets?  then do not sleep         wake_seq++
 *     FUTEX_WAIT(wake_seq == seq)             FUTEX_WAKE(wake_seq)
 *     need_wakeup = 0
 *
 * Because of the two fences, at least one side sees what the other wrote.  If
 * the NF sees no packet, the switch sees 'need_wakeup' and changes 'wake_seq'
 * after the NF read it, and the kernel compares before it puts the NF to
 * sleep.
 *
 * In a guest the switch sends a frame in place of the last two lines.  The
 * frame stays in the socket until it is taken, so one that comes before the
 * NF sleeps ends the sleep at once.  Whoever takes one looks at the rings
 * before the next sleep: there may be no second frame for this number. */

/* Longest sleep, in microseconds, of an NF in a guest between two signs of
 * life; the switch wants several a second. */
#define SLICE_US 200000

/* Longest sleep, in microseconds, on one port while others are not watched:
 * for kernels before 5.16, which cannot wait for several words, and if some
 * ports are woken by frames and others by words. */
#define ROUND_ROBIN_US 1000

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449     /* The same on all architectures. */
#endif

/* As 'struct futex_waitv', which Linux 5.16 brought. */
struct waiter {
    uint64_t value;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};
#define WAITER_U32 2            /* A word of 32 bits, shared memory. */

static int
wait_one(const uint32_t *word, uint32_t value, unsigned int timeout_us)
{
    struct timespec timeout = {
        .tv_sec = timeout_us / 1000000,
        .tv_nsec = timeout_us % 1000000 * 1000,
    };

    return syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0) < 0
           ? errno : 0;
}

static int
wait_any(struct nf_port *const ports[], const uint32_t seen[], size_t n_ports,
         unsigned int timeout_us)
{
    struct waiter waiters[NF_WAIT_PORTS];
    struct __kernel_timespec deadline;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    deadline.tv_sec = now.tv_sec + timeout_us / 1000000;
    deadline.tv_nsec = now.tv_nsec + timeout_us % 1000000 * 1000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    for (size_t i = 0; i < n_ports; i++) {
        waiters[i] = (struct waiter) {
            .value = seen[i],
            .address = (uintptr_t) &ports[i]->host->wake_seq,
            .flags = WAITER_U32,
        };
    }
    return syscall(SYS_futex_waitv, waiters, (unsigned int) n_ports, 0,
                   &deadline, CLOCK_MONOTONIC) < 0 ? errno : 0;
}

static int
futex_wait(struct nf_port *const ports[], const uint32_t seen[],
           size_t n_ports, unsigned int timeout_us)
{
    if (n_ports > 1) {
        int error = wait_any(ports, seen, n_ports, timeout_us);

        /* Some sandboxes forbid what they do not know. */
        if (error != ENOSYS && error != EPERM) {
            return error;
        }
    }

    size_t turn = ports[0]->stats.sleeps % n_ports;

    if (n_ports > 1 && timeout_us > ROUND_ROBIN_US) {
        timeout_us = ROUND_ROBIN_US;
    }
    return wait_one(&ports[turn]->host->wake_seq, seen[turn], timeout_us);
}

/* Tells the switch that this NF is about to sleep.  Returns the value of the
 * wake word to sleep on. */
static uint32_t
announce(struct nf_port *port)
{
    uint32_t seq = __atomic_load_n(&port->host->wake_seq, __ATOMIC_ACQUIRE);

    if (!++port->wait_number) {
        port->wait_number = 1;
    }
    __atomic_store_n(&port->nf->need_wakeup, port->wait_number,
                     __ATOMIC_RELAXED);
    return seq;
}

static bool
has_packets(struct nf_port *port)
{
    for (uint32_t i = 0; i < port->n_queues; i++) {
        struct vhc_cons *rx = &port->queues[i].rx;

        if (vhc_ring_peek(rx, 1) || rx->bad) {
            return true;
        }
    }
    return false;
}

static bool
is_ready(struct nf_port *port)
{
    return !nfi_port_is_attached(port) || has_packets(port);
}

static bool
any_is_ready(struct nf_port *const ports[], size_t n_ports)
{
    bool ready = false;

    for (size_t i = 0; i < n_ports; i++) {
        ready = is_ready(ports[i]) || ready;
    }
    return ready;
}

/* Sleeps until a frame comes for one of the ports that frames wake, of which
 * there are 'n_wakes' at 'wakes', or until it is time to look at the rings. */
static int
sleep_a_slice(struct nf_port *const ports[], size_t n_ports,
              struct nfi_wake *const wakes[], size_t n_wakes, uint64_t us)
{
    unsigned int slice_us = us < SLICE_US ? us : SLICE_US;
    int error;

    if (n_wakes < n_ports && slice_us > ROUND_ROBIN_US) {
        slice_us = ROUND_ROBIN_US;
    }
    slice_us = nfi_wake_limit(wakes, n_wakes, slice_us);
    error = nfi_wake_wait(wakes, n_wakes, slice_us);
    for (size_t i = 0; i < n_ports; i++) {
        nfi_port_keep(ports[i]);
        if (error == ETIMEDOUT && nfi_port_is_guest(ports[i])
            && has_packets(ports[i])) {
            nfi_wake_missed(&ports[i]->wake, slice_us);
        }
    }
    return error;
}

/* Sleeps on the ports that frames wake, if there are any, else on the words
 * that were 'seen'. */
static int
sleep_on(struct nf_port *const ports[], const uint32_t seen[], size_t n_ports,
         unsigned int timeout_us)
{
    struct nfi_wake *wakes[NF_WAIT_PORTS];
    size_t n_wakes = 0;
    uint64_t now, deadline;
    int error;

    for (size_t i = 0; i < n_ports; i++) {
        if (nfi_port_is_guest(ports[i])) {
            wakes[n_wakes++] = &ports[i]->wake;
        }
    }
    if (!n_wakes) {
        return futex_wait(ports, seen, n_ports, timeout_us);
    }

    now = nfi_now_us();
    deadline = now + timeout_us;
    do {
        error = sleep_a_slice(ports, n_ports, wakes, n_wakes, deadline - now);
        now = nfi_now_us();
    } while (error == ETIMEDOUT && now < deadline
             && !any_is_ready(ports, n_ports));
    return error;
}

int
nf_wait(struct nf_port *const ports[], size_t n_ports,
        unsigned int timeout_us)
{
    uint32_t seen[NF_WAIT_PORTS];
    bool polls = false;
    int error = 0;

    if (!n_ports || n_ports > NF_WAIT_PORTS) {
        return EINVAL;
    }

    for (size_t i = 0; i < n_ports; i++) {
        nfi_port_keep(ports[i]);
        polls = polls || ports[i]->polls;
    }
    if (polls) {
        return 0;
    }
    for (size_t i = 0; i < n_ports; i++) {
        seen[i] = announce(ports[i]);
    }
    vhc_ring_fence();           /* (C) */
    if (!any_is_ready(ports, n_ports)) {
        error = sleep_on(ports, seen, n_ports, timeout_us);
        ports[0]->stats.sleeps++;
        ports[0]->stats.wakeups += !error;
        if (error == EAGAIN
            || (error == ETIMEDOUT && any_is_ready(ports, n_ports))) {
            error = 0;
        }
    }

    for (size_t i = 0; i < n_ports; i++) {
        __atomic_store_n(&ports[i]->nf->need_wakeup, 0, __ATOMIC_RELAXED);
    }
    return error;
}
