/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "nf/main.h"

#define EXIT_USAGE 2
#define MAX_OPTIONS 32

/* What the common options are applied to. */
struct command {
    const struct nf_app *app;
    struct nf_run run;
};

static int
parse_number(const char *arg, int max, int *value, struct nf_error *err)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(arg, &end, 10);
    if (errno || end == arg || *end || n < 0 || n > max) {
        return nfi_error(err, EINVAL, "\"%s\" is not a number from 0 to %d",
                         arg, max);
    }
    *value = n;
    return 0;
}

static int
set_pool(const char *arg, void *command, struct nf_error *err)
{
    (void) err;
    ((struct command *) command)->run.port.pool_path = arg;
    return 0;
}

static int
set_name(const char *arg, void *command, struct nf_error *err)
{
    if (!*arg || strlen(arg) >= VHC_NAME_SIZE) {
        return nfi_error(err, EINVAL, "a name has 1 to %d characters",
                         VHC_NAME_SIZE - 1);
    }
    ((struct command *) command)->run.name = arg;
    return 0;
}

static int
set_stats(const char *arg, void *command, struct nf_error *err)
{
    struct command *c = command;
    int value = 0;
    int error = parse_number(arg, 86400, &value, err);

    c->run.stats_s = value;
    return error;
}

/* In the options, other than in struct nf_run, 0 is "do not spin". */
static int
set_spin(const char *arg, void *command, struct nf_error *err)
{
    struct command *c = command;

    if (!strcmp(arg, "forever")) {
        c->run.spin_us = -1;
        return 0;
    }

    int error = parse_number(arg, 1000000, &c->run.spin_us, err);

    if (!error && !c->run.spin_us) {
        c->run.spin_us = 1;
    }
    return error;
}

static int
set_timeout(const char *arg, void *command, struct nf_error *err)
{
    struct command *c = command;
    int seconds = 0;
    int error = parse_number(arg, 86400, &seconds, err);

    c->run.wait_forever = !seconds;
    c->run.port.timeout_ms = seconds * 1000;
    return error;
}

static int
set_read_only(const char *arg, void *command, struct nf_error *err)
{
    (void) arg;
    (void) err;
    ((struct command *) command)->run.port.read_only = true;
    return 0;
}

static int
set_no_local(const char *arg, void *command, struct nf_error *err)
{
    (void) arg;
    (void) err;
    ((struct command *) command)->run.no_local = true;
    return 0;
}

/* --help and --version come first and are handled in parse(). */
static const struct nf_option common_options[] = {
    { "help", NULL, "print this text", NULL },
    { "version", NULL, "print the version", NULL },
    { "pool", "FILE", "the pool's file, if not beside the ring file",
      set_pool },
    { "name", "NAME", "how the switch and messages call this NF", set_name },
    { "stats", "SECONDS", "print statistics so often, and at the end",
      set_stats },
    { "spin", "USEC", "poll so long before sleeping (50), or \"forever\"",
      set_spin },
    { "timeout", "SECONDS", "wait for the switch (5); 0: for ever",
      set_timeout },
    { "read-only", NULL, "map the pool read-only", set_read_only },
    { "no-local", NULL, "in a VM: keep what is for its own kernel",
      set_no_local },
    { NULL, NULL, NULL, NULL },
};

static void
print_options(const struct nf_option *options)
{
    for (; options && options->name; options++) {
        char left[64];

        snprintf(left, sizeof left, "--%s%s%s", options->name,
                 options->arg ? " " : "", options->arg ? options->arg : "");
        printf("  %-22s %s\n", left, options->help);
    }
}

static void
print_help(const struct nf_app *app)
{
    printf("%s: a network function that %s\n"
           "usage: %s [OPTION]... [RING [RING]]\n"
           "where RING is the path of a port's ring file or, in a VM, the\n"
           "name of the port; without one, the VM's only port.  With two,\n"
           "what comes in on one goes out on the other.\n", app->name,
           app->summary, app->name);
    if (app->options) {
        printf("\nOptions of %s:\n", app->name);
        print_options(app->options);
    }
    printf("\nCommon options:\n");
    print_options(common_options);
    printf("\nThe ring file of port PORT in pool POOL is "
           "/dev/shm/ovs-chain.POOL.PORT.\n"
           "Signals: INT and TERM stop, HUP reloads, USR1 reports.\n");
}

/* Appends 'options' to the 'n' getopt options at 'longs'.  Returns how many
 * there are then. */
static int
add_options(struct option *longs, int n, const struct nf_option *options)
{
    for (; options && options->name && n < MAX_OPTIONS; options++, n++) {
        longs[n] = (struct option) {
            .name = options->name,
            .has_arg = options->arg ? required_argument : no_argument,
            .val = 1,
        };
    }
    longs[n] = (struct option) { .name = NULL };
    return n;
}

static void
complain(const struct nf_app *app, const char *text)
{
    fprintf(stderr, "%s: %s; try %s --help\n", app->name, text, app->name);
}

/* Parses the options.  Returns -1 to go on, or the exit status. */
static int
parse_options(int argc, char *argv[], struct command *command, void *aux)
{
    const struct nf_app *app = command->app;
    const int n_common = sizeof common_options / sizeof *common_options - 1;
    struct option longs[MAX_OPTIONS + 1];
    int index;
    int c;

    add_options(longs, add_options(longs, 0, common_options), app->options);
    while ((c = getopt_long(argc, argv, "hV", longs, &index)) != -1) {
        const struct nf_option *option;
        struct nf_error err;

        if (c == '?') {
            complain(app, "bad option");
            return EXIT_USAGE;
        } else if (c == 'h' || (c == 1 && index == 0)) {
            print_help(app);
            return EXIT_SUCCESS;
        } else if (c == 'V' || (c == 1 && index == 1)) {
            printf("%s (ovs-chain) %s\n", app->name, PACKAGE_VERSION);
            return EXIT_SUCCESS;
        }

        bool common = index < n_common;

        option = common ? &common_options[index]
                 : &app->options[index - n_common];
        if (option->set(optarg, common ? command : aux, &err)) {
            fprintf(stderr, "%s: --%s: %s\n", app->name, option->name,
                    err.text);
            return EXIT_USAGE;
        }
    }
    return -1;
}

static int
parse_rings(int argc, char *argv[], struct command *command)
{
    int n = argc - optind;

    if (n > NF_RUN_PORTS) {
        complain(command->app, "more than two ports");
        return EXIT_USAGE;
    }
    command->run.n_ports = n ? n : 1;
    for (int i = 0; i < n; i++) {
        command->run.rings[i] = argv[optind + i];
    }
    return -1;
}

int
nf_main(int argc, char *argv[], const struct nf_app *app, void *aux)
{
    struct command command = {
        .app = app,
        .run = {
            .name = app->name,
            .signals = true,
            .burst = app->burst,
            .reload = app->reload,
            .report = app->report,
            .final_report = app->final_report,
            .writes = app->writes,
            .aux = aux,
        },
    };
    struct nf_error err = { "" };
    int status = parse_options(argc, argv, &command, aux);

    if (status < 0) {
        status = parse_rings(argc, argv, &command);
    }
    if (status >= 0) {
        return status;
    }
    if ((app->start && app->start(aux, &err)) || nf_run(&command.run, &err)) {
        fprintf(stderr, "%s: %s\n", command.run.name, err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
