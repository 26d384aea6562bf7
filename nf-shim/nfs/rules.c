/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool
in_range(uint16_t port, const struct ports *range)
{
    return port >= range->first && port <= range->last;
}

/* 'addrs' are the addresses of 'flow', as in a rule's 'want'. */
static bool
rule_matches(const struct rule *rule, const struct flow *flow,
             const uint64_t addrs[4])
{
    uint64_t differ = 0;

    if (rule->family && rule->family != flow->kind) {
        return false;
    }
    if (rule->proto >= 0 && rule->proto != flow->proto) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        differ |= (addrs[i] & rule->mask[i]) ^ rule->want[i];
    }
    if (differ) {
        return false;
    }
    if (rule->later_fragment && !flow->later_fragment) {
        return false;
    }
    return (!rule->has_ports
            || (flow->has_ports && in_range(flow->sport, &rule->sport)
                && in_range(flow->dport, &rule->dport)));
}

struct rule *
rules_match(struct rules *rules, const struct flow *flow)
{
    uint64_t addrs[4];

    if (flow->kind == FLOW_NON_IP) {
        return &rules->non_ip;
    } else if (flow->kind == FLOW_MALFORMED) {
        return &rules->malformed;
    }

    memcpy(&addrs[0], flow->src.bytes, 16);
    memcpy(&addrs[2], flow->dst.bytes, 16);
    for (size_t i = 0; i < rules->n; i++) {
        if (rule_matches(&rules->rules[i], flow, addrs)) {
            return &rules->rules[i];
        }
    }
    return &rules->fallback;
}

static void
rule_print(FILE *stream, const char *path, const struct rule *rule)
{
    fprintf(stream, "%s:", path);
    if (rule->line) {
        fprintf(stream, "%u:", rule->line);
    }
    fprintf(stream, " packets=%"PRIu64" bytes=%"PRIu64" %s\n",
            rule->n_packets, rule->n_bytes, rule->text);
}

void
rules_print(FILE *stream, const struct rules *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        rule_print(stream, rules->path, &rules->rules[i]);
    }
    rule_print(stream, rules->path, &rules->fallback);
    rule_print(stream, rules->path, &rules->non_ip);
    rule_print(stream, rules->path, &rules->malformed);
}

void
rules_destroy(struct rules *rules)
{
    if (rules) {
        for (size_t i = 0; i < rules->n; i++) {
            free(rules->rules[i].text);
        }
        free(rules->fallback.text);
        free(rules->non_ip.text);
        free(rules->malformed.text);
        free(rules->rules);
        free(rules->path);
        free(rules);
    }
}
