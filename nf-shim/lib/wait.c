/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "port-private.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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
 * sleep. */

/* Longest sleep, in microseconds, on one port while others are not watched;
 * only for kernels before 5.16, which cannot wait for several words. */
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
is_ready(struct nf_port *port)
{
    if (!nfi_port_is_attached(port)) {
        return true;
    }
    for (uint32_t i = 0; i < port->n_queues; i++) {
        struct vhc_cons *rx = &port->queues[i].rx;

        if (vhc_ring_peek(rx, 1) || rx->bad) {
            return true;
        }
    }
    return false;
}

int
nf_wait(struct nf_port *const ports[], size_t n_ports,
        unsigned int timeout_us)
{
    uint32_t seen[NF_WAIT_PORTS];
    bool ready = false;
    int error = 0;

    if (!n_ports || n_ports > NF_WAIT_PORTS) {
        return EINVAL;
    }

    for (size_t i = 0; i < n_ports; i++) {
        seen[i] = announce(ports[i]);
    }
    vhc_ring_fence();           /* (C) */
    for (size_t i = 0; i < n_ports; i++) {
        ready = is_ready(ports[i]) || ready;
    }

    if (!ready) {
        error = futex_wait(ports, seen, n_ports, timeout_us);
        ports[0]->stats.sleeps++;
        ports[0]->stats.wakeups += !error;
    }

    for (size_t i = 0; i < n_ports; i++) {
        __atomic_store_n(&ports[i]->nf->need_wakeup, 0, __ATOMIC_RELAXED);
    }
    return error == EAGAIN ? 0 : error;
}
