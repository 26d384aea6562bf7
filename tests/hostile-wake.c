/* SPDX-License-Identifier: Apache-2.0 */

/* An NF that makes the switch wake it as often as it can. */

#define _GNU_SOURCE 1           /* For syscall(). */

#include "hostile.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_WAITERS 2000

static void *
toggle(void *h_)
{
    struct hostile *h = h_;
    uint32_t n = 0;

    while (!h->stop) {
        __atomic_store_n(&h->p.nf->need_wakeup, ++n, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* Sends back what it gets while another thread says all the time that it
 * sleeps. */
static void
forward_asleep(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };

    hostile_thread(h, toggle, h);
    while (hostile_lasts(h, &clock, "packets", h->n_sent)
           && probe_is_attached(&h->p)) {
        hostile_forward(h, &h->p, &h->p);
    }
    hostile_flush(&h->p);
    hostile_join(h);
    expect_taken(h->n_sent);
}

/* Each burst costs the switch a system call. */
void
hostile_toggle(struct hostile *h)
{
    forward_asleep(h);
    expect_woken();
}

/* The same as an NF in a guest, which the switch wakes with a frame, and there
 * is no guest to send it to. */
void
hostile_frame(struct hostile *h)
{
    probe_detach(&h->p);
    h->p.features |= VHC_NF_F_FRAME;
    probe_attach(&h->p);
    forward_asleep(h);
    expect_state("attached", VHC_REASON_NONE);
}

static void *
scribble(void *h_)
{
    struct hostile *h = h_;
    uint64_t state = 1;

    while (!h->stop) {
        __atomic_store_n(&h->p.host->wake_seq, hostile_random(&state),
                         __ATOMIC_RELAXED);
    }
    return NULL;
}

void
hostile_wake_seq(struct hostile *h)
{
    hostile_thread(h, scribble, h);
    hostile_toggle(h);
}

static _Noreturn void
wait_for_ever(const uint32_t *futex, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) {
        syscall(SYS_futex, futex, FUTEX_WAIT,
                __atomic_load_n(futex, __ATOMIC_RELAXED), NULL, NULL, 0);
    }
    _exit(0);
}

/* Thousands wait where the NF does. */
void
hostile_crowd(struct hostile *h)
{
    static pid_t pids[N_WAITERS];
    pid_t parent = getpid();

    for (int i = 0; i < N_WAITERS; i++) {
        pids[i] = fork();
        if (pids[i] < 0) {
            probe_die("fork", "a waiter");
        } else if (!pids[i]) {
            wait_for_ever(&h->p.host->wake_seq, parent);
        }
    }
    hostile_toggle(h);
    for (int i = 0; i < N_WAITERS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
}
