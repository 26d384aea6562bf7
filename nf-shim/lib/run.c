/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "loop.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "stats.h"

#define RETRY_US 100000         /* Between attempts to attach again. */
#define RETRY_TIMEOUT_MS 1000   /* Of each attempt. */
#define SLEEP_US 100000         /* Longest; signals are noticed then. */
#define BLOCKED_US 50           /* Nap while a ring is full. */
#define LOOK_US 1000000         /* Between looks for abandoned ports. */
#define BUSY_TURNS 256          /* Between looks at the clock. */
#define YIELD_POLLS 16          /* Polls in vain before another NF on the
                                 * same core gets its turn. */
#define FLUSH_TURNS 1000        /* Tries to send the rest at the end. */

/* The NF that signals are for; a signal handler has no other context. */
static struct nf_run *signal_run;

static uint64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static void
nap(unsigned int us)
{
    struct timespec ts = { .tv_nsec = us * 1000 };

    nanosleep(&ts, NULL);
}

static void __attribute__((format(printf, 2, 3)))
say(const struct nf_run *run, const char *format, ...)
{
    char text[sizeof(struct nf_error) + 128];
    va_list args;

    if (!run->quiet) {
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        fprintf(stderr, "%s: %s\n", run->name, text); /* In one write. */
    }
}

static bool
is_stopped(const struct nf_run *run)
{
    return __atomic_load_n(&run->stop, __ATOMIC_ACQUIRE);
}

void
nf_run_raise(struct nf_run *run, int events)
{
    __atomic_fetch_or(&run->events, events, __ATOMIC_RELEASE);
    if (events & NF_RUN_STOP) {
        __atomic_store_n(&run->stop, 1, __ATOMIC_RELEASE);
    }
}

static void
handle_signal(int signo)
{
    nf_run_raise(signal_run, (signo == SIGHUP ? NF_RUN_RELOAD
                              : signo == SIGUSR1 ? NF_RUN_REPORT
                              : NF_RUN_STOP));
}

/* System calls are interrupted, so that a sleeper wakes. */
static void
catch_signals(struct nf_run *run)
{
    struct sigaction action = { .sa_handler = handle_signal };

    signal_run = run;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

/* Before the first port goes, both are drained: what came in on the first and
 * is on its way out on the second is lost when the first is gone. */
static void
detach(struct nfi_loop *loop)
{
    nfi_lanes_destroy(loop);
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        if (loop->ports[i]) {
            nfi_port_drain(loop->ports[i]);
        }
    }
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        if (loop->ports[i]) {
            nfi_stats_add(&loop->past[i], nf_port_stats(loop->ports[i]));
            nf_port_close(loop->ports[i]);
            loop->ports[i] = NULL;
        }
    }
}

static int
open_port(struct nfi_loop *loop, unsigned int i, int timeout_ms,
          struct nf_error *err)
{
    struct nf_run *run = loop->run;
    struct nf_port_options options = run->port;
    uint64_t start = now_us();
    int error;

    options.name = run->name;
    options.stop = &run->stop;
    options.peer = i ? loop->ports[0] : NULL;
    options.timeout_ms = timeout_ms;
    error = nf_port_open(run->ring_paths[i], &options, &loop->ports[i], err);
    if (error) {
        return error;
    }

    const struct nf_port_info *info = nf_port_info(loop->ports[i]);

    memcpy(loop->names[i], info->port, VHC_NAME_SIZE);
    say(run, "attached to %s (pool %s, generation %"PRIu32"%s) in %"PRIu64
        " us", info->port, info->pool, info->generation,
        info->read_only ? ", read-only" : "", now_us() - start);
    return 0;
}

static int
attach(struct nfi_loop *loop, int timeout_ms, struct nf_error *err)
{
    int error = 0;

    for (unsigned int i = 0; !error && i < loop->run->n_ports; i++) {
        error = open_port(loop, i, timeout_ms, err);
    }
    if (!error && nfi_lanes_init(loop)) {
        error = nfi_error(err, ENOMEM, "out of memory");
    }
    if (error) {
        detach(loop);
    }
    return error;
}

/* Tries until it works or the NF is told to stop. */
static void
attach_again(struct nfi_loop *loop)
{
    struct nf_error last = { "" };
    struct nf_error err;

    while (!is_stopped(loop->run)
           && attach(loop, RETRY_TIMEOUT_MS, &err)) {
        if (strcmp(last.text, err.text) && !is_stopped(loop->run)) {
            say(loop->run, "waiting: %s", err.text);
            last = err;
        }
        nap(RETRY_US);
    }
}

static void
print_stats(const struct nfi_loop *loop, FILE *stream)
{
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        struct nf_port_stats sum = loop->past[i];

        if (loop->ports[i]) {
            nfi_stats_add(&sum, nf_port_stats(loop->ports[i]));
        }
        nfi_stats_print(stream, loop->run->name, loop->names[i], &sum);
    }
    fflush(stream);
}

static void
report(const struct nfi_loop *loop)
{
    if (loop->run->report) {
        loop->run->report(stdout, loop->run->aux);
        fflush(stdout);
    }
}

static void
handle_events(struct nfi_loop *loop, uint64_t now)
{
    struct nf_run *run = loop->run;

    if (__atomic_load_n(&run->events, __ATOMIC_RELAXED)) {
        int events = __atomic_exchange_n(&run->events, 0, __ATOMIC_ACQUIRE);

        if (events & NF_RUN_RELOAD && run->reload) {
            run->reload(run->aux);
        }
        if (events & NF_RUN_REPORT) {
            report(loop);
        }
    }
    if (run->stats_s && now >= loop->next_stats) {
        if (loop->next_stats) {
            print_stats(loop, stdout);
            report(loop);
        }
        loop->next_stats = now + run->stats_s * UINT64_C(1000000);
    }
}

/* Returns 0 while all ports are attached. */
static int
check_ports(struct nfi_loop *loop, uint64_t now, struct nf_error *err)
{
    bool look = now >= loop->next_look;

    if (look) {
        loop->next_look = now + LOOK_US;
    }
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        int error = nf_port_status(loop->ports[i], err);

        if (error) {
            return error;
        }
        if (look && nfi_port_is_abandoned(loop->ports[i])) {
            return nfi_error(err, ENOTCONN, "port %s: the switch is gone and "
                             "so is %s", loop->names[i],
                             loop->run->ring_paths[i]);
        }
    }
    return 0;
}

static void
housekeeping(struct nfi_loop *loop, uint64_t now)
{
    struct nf_error err;

    handle_events(loop, now);
    if (check_ports(loop, now, &err)) {
        say(loop->run, "detached: %s", err.text);
        detach(loop);
        attach_again(loop);
    }
}

static void
spin(unsigned int n_polls)
{
    if (n_polls % YIELD_POLLS == 0) {
        sched_yield();
    } else {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
}

/* Called after the 'n_polls'th turn in a row without a packet. */
static void
idle(struct nfi_loop *loop, unsigned int n_polls, bool blocked)
{
    const struct nf_run *run = loop->run;
    uint64_t spin_us = run->spin_us ? run->spin_us : NF_DEFAULT_SPIN_US;
    uint64_t now = now_us();

    housekeeping(loop, now);
    if (n_polls == 1) {
        loop->idle_since = now;
    }
    if (run->spin_us < 0 || now - loop->idle_since < spin_us) {
        spin(n_polls);
    } else if (blocked) {
        nap(BLOCKED_US);
    } else if (loop->n_lanes && !is_stopped(run)) {
        nf_wait(loop->ports, run->n_ports, SLEEP_US);
    }
}

static void
poll_until_stopped(struct nfi_loop *loop)
{
    unsigned int n_busy = 0;
    unsigned int n_idle = 0;

    while (!is_stopped(loop->run)) {
        bool blocked = false;

        if (!nfi_lanes_turn(loop, &blocked)) {
            idle(loop, ++n_idle, blocked);
        } else {
            n_idle = 0;
            if (++n_busy % BUSY_TURNS == 0) {
                housekeeping(loop, now_us());
            }
        }
    }
}

/* Sends the packets in hand, for which the handler has run. */
static void
finish(struct nfi_loop *loop)
{
    for (int i = 0; i < FLUSH_TURNS && !nfi_lanes_flush(loop); i++) {
        nap(BLOCKED_US);
    }
    detach(loop);
    if (loop->run->stats_s) {
        print_stats(loop, stderr);
    }
    if (loop->run->stats_s || loop->run->final_report) {
        report(loop);
    }
}

int
nf_run(struct nf_run *run, struct nf_error *err)
{
    struct nfi_loop loop = { .run = run };
    int error;

    if (!run->n_ports || run->n_ports > NF_RUN_PORTS || !run->burst) {
        return nfi_error(err, EINVAL, "an NF has one or two ports and a "
                         "handler");
    }
    if (run->signals) {
        catch_signals(run);
    }

    error = attach(&loop, run->wait_forever ? RETRY_TIMEOUT_MS
                          : run->port.timeout_ms, err);
    if (error && run->wait_forever) {
        say(run, "waiting: %s", err->text);
        attach_again(&loop);
        error = 0;
    }
    if (error) {
        return is_stopped(run) ? 0 : error;
    }

    poll_until_stopped(&loop);
    finish(&loop);
    return 0;
}
