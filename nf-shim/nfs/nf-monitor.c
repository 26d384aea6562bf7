/* SPDX-License-Identifier: Apache-2.0 */

/* Counts what passes, by protocol and by talker, and changes nothing: a pool
 * mapped read-only is enough. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <nf/shim.h>

#include "counts.h"

#define NAME "nf-monitor"

struct monitor {
    unsigned int n_top;         /* Talkers to print. */
    struct counts counts;
};

static void
handle(struct nf_burst *burst, void *monitor_)
{
    struct monitor *monitor = monitor_;

    for (unsigned int i = 0; i < burst->n; i++) {
        const struct nf_packet *p = &burst->packets[i];

        counts_add(&monitor->counts, p->data, nf_packet_len(p));
    }
}

static void
report(FILE *stream, void *monitor_)
{
    const struct monitor *monitor = monitor_;

    counts_print(stream, NAME, &monitor->counts, monitor->n_top);
}

static int
set_top(const char *arg, void *monitor_, struct nf_error *err)
{
    struct monitor *monitor = monitor_;
    char *end;
    unsigned long n = strtoul(arg, &end, 10);

    if (*arg < '0' || *arg > '9' || *end || n > COUNTS_MAX_TOP) {
        snprintf(err->text, sizeof err->text, "\"%s\" is not a number from 0 "
                 "to %d", arg, COUNTS_MAX_TOP);
        return EINVAL;
    }
    monitor->n_top = n;
    return 0;
}

int
main(int argc, char *argv[])
{
    static const struct nf_option options[] = {
        { "top", "N", "print the N first talkers (10)", set_top },
        { NULL, NULL, NULL, NULL },
    };
    static const struct nf_app app = {
        .name = NAME,
        .summary = "counts packets by protocol and by talker",
        .options = options,
        .burst = handle,
        .report = report,
        .final_report = true,
    };
    struct monitor *monitor = calloc(1, sizeof *monitor);
    int status = EXIT_FAILURE;

    if (monitor) {
        monitor->n_top = 10;
        status = nf_main(argc, argv, &app, monitor);
        free(monitor);
    } else {
        fprintf(stderr, NAME": out of memory\n");
    }
    return status;
}
