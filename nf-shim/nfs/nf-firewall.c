/* SPDX-License-Identifier: Apache-2.0 */

/* A stateless packet filter: allows, denies and marks packets by rules. */

#include <config.h>

#include <errno.h>
#include <stdio.h>

#include <nf/shim.h>

#include "flow.h"
#include "rules.h"

#define NAME "nf-firewall"

struct firewall {
    const char *path;           /* Of the rules; NULL if not given. */
    struct rules *rules;
};

static void
apply(struct rules *rules, struct nf_packet *p)
{
    struct rule *rule;
    struct flow flow;

    flow_parse(&flow, p->data, nf_packet_len(p));
    rule = rules_match(rules, &flow);
    rule->n_packets++;
    rule->n_bytes += nf_packet_len(p);
    if (!rule->allow) {
        nf_packet_set_verdict(p, VHC_DROP);
    } else if (rule->has_mark) {
        nf_packet_set_nf_mark(p, rule->mark);
    }
}

static void
handle(struct nf_burst *burst, void *firewall_)
{
    struct firewall *firewall = firewall_;

    for (unsigned int i = 0; i < burst->n; i++) {
        apply(firewall->rules, &burst->packets[i]);
    }
}

static int
load(void *firewall_, struct nf_error *err)
{
    struct firewall *firewall = firewall_;
    struct rules *rules;
    int error;

    if (!firewall->path) {
        snprintf(err->text, sizeof err->text, "no rules: give --rules FILE");
        return EINVAL;
    }
    error = rules_load(&rules, firewall->path, err);
    if (error) {
        return error;
    }
    rules_destroy(firewall->rules);
    firewall->rules = rules;
    fprintf(stderr, NAME": %zu rules from %s\n", rules->n, firewall->path);
    return 0;
}

static void
reload(void *firewall)
{
    struct nf_error err;

    if (load(firewall, &err)) {
        fprintf(stderr, NAME": %s; keeping the old rules\n", err.text);
    }
}

static void
report(FILE *stream, void *firewall_)
{
    struct firewall *firewall = firewall_;

    rules_print(stream, firewall->rules);
}

static int
set_rules(const char *arg, void *firewall_, struct nf_error *err)
{
    struct firewall *firewall = firewall_;

    (void) err;
    firewall->path = arg;
    return 0;
}

int
main(int argc, char *argv[])
{
    static const struct nf_option options[] = {
        { "rules", "FILE", "the rules, see nf-firewall.rules(5)", set_rules },
        { NULL, NULL, NULL, NULL },
    };
    static const struct nf_app app = {
        .name = NAME,
        .summary = "allows and denies packets by rules",
        .options = options,
        .start = load,
        .burst = handle,
        .reload = reload,
        .report = report,
    };
    struct firewall firewall = { .path = NULL };
    int status = nf_main(argc, argv, &app, &firewall);

    rules_destroy(firewall.rules);
    return status;
}
