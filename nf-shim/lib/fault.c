/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "fault.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nf/run.h"

#define GONE " is gone: the device was removed from the VM, or its file was " \
    "truncated"

static const struct {
    int signo;
    int code;                   /* 'si_code'. */
    const char *text;
} faults[NFI_N_FAULTS] = {
    [NFI_FAULT_WRITE] = { SIGSEGV, SEGV_ACCERR, "the NF wrote to a packet, "
                          "but may only read them (options:chain-access=ro, "
                          "or --read-only)" },
    [NFI_FAULT_RING] = { SIGBUS, BUS_ADRERR, "the memory of its ring" GONE },
    [NFI_FAULT_POOL] = { SIGBUS, BUS_ADRERR, "the memory of its pool" GONE },
};

struct region {
    uintptr_t start;            /* Atomic; 0 if there is none. */
    size_t size;                /* Bytes. */
    char text[256];             /* What to say, newline included. */
};

/* A signal handler has no other context. */
static struct {
    bool installed;
    struct sigaction segv_before; /* What SIGSEGV did. */
    struct sigaction bus_before;
    struct region regions[NF_RUN_PORTS][NFI_N_FAULTS];
} context;

static bool
is_in(const struct region *r, uintptr_t address)
{
    uintptr_t start = __atomic_load_n(&r->start, __ATOMIC_ACQUIRE);

    return start && address >= start && address - start < r->size;
}

/* Returns what to say about 'info', or "". */
static const char *
find_text(int signo, const siginfo_t *info)
{
    uintptr_t address = (uintptr_t) info->si_addr;

    for (int i = 0; i < NFI_N_FAULTS; i++) {
        if (faults[i].signo != signo || faults[i].code != info->si_code) {
            continue;
        }
        for (unsigned int slot = 0; slot < NF_RUN_PORTS; slot++) {
            if (is_in(&context.regions[slot][i], address)) {
                return context.regions[slot][i].text;
            }
        }
    }
    return "";
}

/* Returns true if the signal is about what the thread did just now. */
static bool
is_synchronous(int signo, const siginfo_t *info)
{
    return (info->si_code > 0   /* Not sent by a process. */
            && !(signo == SIGBUS && info->si_code == BUS_MCEERR_AO));
}

/* Only what signal-safety(7) lists is called here.  The faulting instruction
 * runs again, and fails again, with the handler that there was before. */
static void
handle_fault(int signo, siginfo_t *info, void *ucontext)
{
    const char *text = find_text(signo, info);

    (void) ucontext;
    (void) !write(STDERR_FILENO, text, strlen(text));
    sigaction(signo, (signo == SIGBUS ? &context.bus_before
                      : &context.segv_before), NULL);
    if (!is_synchronous(signo, info)) {
        raise(signo);           /* It comes no second time. */
    }
}

void
nfi_fault_catch(void)
{
    struct sigaction action = {
        .sa_sigaction = handle_fault,
        .sa_flags = SA_SIGINFO,
    };

    if (!context.installed) {
        sigemptyset(&action.sa_mask);
        context.installed
            = !sigaction(SIGSEGV, &action, &context.segv_before)
              && !sigaction(SIGBUS, &action, &context.bus_before);
    }
}

void
nfi_fault_watch(unsigned int slot, enum nfi_fault fault, const void *start,
                size_t size, const char *port)
{
    struct region *r = &context.regions[slot][fault];

    __atomic_store_n(&r->start, 0, __ATOMIC_RELEASE);
    r->size = size;
    snprintf(r->text, sizeof r->text, "port %s: %s\n", port,
             faults[fault].text);
    __atomic_store_n(&r->start, (uintptr_t) start, __ATOMIC_RELEASE);
}

void
nfi_fault_forget(unsigned int slot)
{
    for (int i = 0; i < NFI_N_FAULTS; i++) {
        __atomic_store_n(&context.regions[slot][i].start, 0,
                         __ATOMIC_RELEASE);
    }
}
