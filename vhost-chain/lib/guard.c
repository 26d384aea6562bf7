/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#define MAX_GUARDS 4096

/* A signal handler has no argument of its own, so the table is global.  An
 * entry is valid while 'base' is nonzero; it is written last and cleared
 * first. */
static struct guard {
    uintptr_t base;
    size_t size;
    bool *lost;
} guards[MAX_GUARDS];

static struct sigaction previous;
static bool installed;

static struct guard *
find(uintptr_t addr)
{
    for (int i = 0; i < MAX_GUARDS; i++) {
        struct guard *g = &guards[i];
        uintptr_t base = __atomic_load_n(&g->base, __ATOMIC_ACQUIRE);

        if (base && addr >= base && addr - base < g->size) {
            return g;
        }
    }
    return NULL;
}

/* Only calls what a signal handler may: mmap() and sigaction() are bare system
 * calls.  After the return, the access is tried again. */
static void
handle_sigbus(int sig, siginfo_t *info, void *context)
{
    struct guard *g = find((uintptr_t) info->si_addr);

    (void) context;
    if (g && mmap((void *) g->base, g->size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
                  -1, 0) != MAP_FAILED) {
        __atomic_store_n(g->lost, true, __ATOMIC_RELEASE);
    } else {
        sigaction(sig, &previous, NULL);
    }
}

static int
install(void)
{
    struct sigaction action = {
        .sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO
    };

    if (!installed) {
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGBUS, &action, &previous)) {
            return errno;
        }
        installed = true;
    }
    return 0;
}

int
vhc_guard_add(void *base, size_t size, bool *lost)
{
    int error = install();

    for (int i = 0; !error && i < MAX_GUARDS; i++) {
        struct guard *g = &guards[i];

        if (!g->base) {
            g->size = size;
            g->lost = lost;
            __atomic_store_n(&g->base, (uintptr_t) base, __ATOMIC_RELEASE);
            return 0;
        }
    }
    return error ? error : ENOSPC;
}

void
vhc_guard_remove(void *base)
{
    for (int i = 0; i < MAX_GUARDS; i++) {
        if (guards[i].base == (uintptr_t) base) {
            __atomic_store_n(&guards[i].base, 0, __ATOMIC_RELEASE);
        }
    }
}
