/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NF_MAIN_H
#define NF_MAIN_H 1

/* The command line that all NFs share.
 *
 * Usage
 * -----
 *
 *     int
 *     main(int argc, char *argv[])
 *     {
 *         static const struct nf_app app = {
 *             .name = "my-nf",
 *             .summary = "does this and that",
 *             .burst = handle,
 *         };
 *
 *         return nf_main(argc, argv, &app, NULL);
 *     }
 *
 * The common options are listed in nf-forward(1).
 *
 * Thread-safety: nf_main() is for the main thread, once. */

#include <stdio.h>

#include "nf/error.h"
#include "nf/run.h"

/* An option of one NF's own. */
struct nf_option {
    const char *name;           /* Without "--".  NULL ends an array. */
    const char *arg;            /* Name of its argument; NULL if none. */
    const char *help;           /* One line. */

    /* Takes the argument.  Returns 0 or a positive errno value. */
    int (*set)(const char *arg, void *aux, struct nf_error *err);
};

struct nf_app {
    const char *name;           /* Of the program. */
    const char *summary;        /* One line, for --help. */
    const struct nf_option *options; /* May be NULL. */

    /* Called once between the options and the attachment; may be NULL.
     * Returns 0 or a positive errno value. */
    int (*start)(void *aux, struct nf_error *err);

    /* As in struct nf_run. */
    void (*burst)(struct nf_burst *burst, void *aux);
    void (*reload)(void *aux);
    void (*report)(FILE *stream, void *aux);
    bool final_report;
    bool writes;
};

/* Does all that a main() has to do.  Returns the exit status: 0 if the NF ran
 * and was told to stop, 1 on an error, 2 if the command line was wrong. */
int nf_main(int argc, char *argv[], const struct nf_app *app, void *aux);

#endif /* nf/main.h */
