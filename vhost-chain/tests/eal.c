/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "eal.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "scratch.h"

/* Where DPDK keeps what it cannot do without. */
static struct scratch runtime;

int
eal_setup(void **state)
{
    cpu_set_t cpus;
    char cpu[16];
    char *argv[] = {
        "test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
        "-m", "64", "--log-level=*:error", "-l", cpu, NULL
    };

    (void) state;
    scratch_make(&runtime);
    assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    setenv("RUNTIME_DIRECTORY", runtime.path, 1);
    snprintf(cpu, sizeof cpu, "%d", sched_getcpu());
    if (rte_eal_init(sizeof argv / sizeof argv[0] - 1, argv) < 0) {
        print_error("DPDK does not start: %s\n", rte_strerror(rte_errno));
        scratch_remove(&runtime);
        return -1;
    }

    /* DPDK binds the thread to one processor, and so all that it starts. */
    assert_int_equal(sched_setaffinity(0, sizeof cpus, &cpus), 0);
    return 0;
}

int
eal_teardown(void **state)
{
    (void) state;
    rte_eal_cleanup();
    scratch_remove(&runtime);
    return 0;
}
