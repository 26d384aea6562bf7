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

#include "fault.h"
#include "nap.h"
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

static void
nap(unsigned int us)
{
    struct timespec ts = { .tv_nsec = us * 1000 };

    nanosleep(&ts, NULL);
}

void
nfi_loop_say(const struct nf_run *run, const char *format, ...)
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
    nfi_fault_catch();
}

/* Shows that the NF lives, while it waits for one of its ports. */
static void
keep_ports(struct nfi_loop *loop)
{
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        nfi_port_keep(loop->ports[i]);
    }
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
            keep_ports(loop);
        }
    }
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        if (loop->ports[i]) {
            nfi_stats_add(&loop->past[i], nf_port_stats(loop->ports[i]));
            nf_port_close(loop->ports[i]);
            loop->ports[i] = NULL;
            keep_ports(loop);
        }
        nfi_fault_forget(i);
    }
}

/* Takes care of a pool that 'run' may only read.  Returns 0 or EROFS. */
static int
check_access(struct nfi_loop *loop, unsigned int i, struct nf_error *err)
{
    struct nf_port *port = loop->ports[i];
    const struct nf_port_info *info = nf_port_info(port);

    if (!info->read_only) {
        return 0;
    }
    if (loop->run->writes) {
        return nfi_error(err, EROFS, "port %s is read-only, but this NF "
                         "writes to packets: set options:chain-access=rw, "
                         "give the VM a writable pool device, and do not use "
                         "--read-only", info->port);
    }
    nfi_fault_watch(i, NFI_FAULT_WRITE, port->map.pool, port->map.pool_size,
                    info->port);
    return 0;
}

static void
say_attached(const struct nfi_loop *loop, unsigned int i, uint64_t us)
{
    const struct nf_port_info *info = nf_port_info(loop->ports[i]);

    nfi_loop_say(loop->run, "attached to %s (pool %s, generation %"PRIu32
                 "%s%s%s) in %"PRIu64" us", info->port, info->pool,
                 info->generation, info->read_only ? ", read-only" : "",
                 info->device[0] ? ", found on PCI device " : "",
                 info->device, us);
}

/* Memory may go at any time, also while the switch does not answer. */
static void
watch(unsigned int i, const struct nfi_mapping *map)
{
    const char *port = map->ring_layout.port_name;

    nfi_fault_watch(i, NFI_FAULT_RING, map->ring, map->ring_size, port);
    nfi_fault_watch(i, NFI_FAULT_POOL, map->pool, map->pool_size, port);
}

static int
open_port(struct nfi_loop *loop, unsigned int i, int timeout_ms,
          struct nf_error *err)
{
    struct nf_run *run = loop->run;
    struct nf_port_options options = run->port;
    uint64_t start = nfi_now_us();
    struct nfi_mapping map;
    int error;

    options.name = run->name;
    options.stop = &run->stop;
    options.peer = i ? loop->ports[0] : NULL;
    options.polls = run->spin_us < 0;
    options.timeout_ms = timeout_ms;
    error = nfi_port_map(&map, run->rings[i], &options, err);
    if (!error) {
        watch(i, &map);
        error = nfi_port_attach(&map, &options, &loop->ports[i], err);
    }
    if (error) {
        return error;
    }

    memcpy(loop->names[i], nf_port_info(loop->ports[i])->port, VHC_NAME_SIZE);
    error = check_access(loop, i, err);
    if (!error) {
        say_attached(loop, i, nfi_now_us() - start);
        nfi_guest_attached(loop, i);
    }
    return error;
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
            nfi_loop_say(loop->run, "waiting: %s", err.text);
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
                             "has removed the ring or the pool",
                             loop->names[i]);
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
        nfi_loop_say(loop->run, "detached: %s", err.text);
        detach(loop);
        attach_again(loop);
    }
    nfi_guest_look(loop, now);
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
    uint64_t now = nfi_now_us();

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
                housekeeping(loop, nfi_now_us());
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
        nfi_loop_say(run, "waiting: %s", err->text);
        attach_again(&loop);
        error = 0;
    }
    if (error) {
        return is_stopped(run) ? 0 : error;
    }

    nfi_guest_look(&loop, nfi_now_us());
    poll_until_stopped(&loop);
    finish(&loop);
    return 0;
}
