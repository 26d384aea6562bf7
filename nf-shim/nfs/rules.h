/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RULES_H
#define RULES_H 1

/* The rules of nf-firewall: a list, of which the first that matches decides.
 * nf-firewall.rules(5) is the syntax.
 *
 * Usage
 * -----
 *
 *     error = rules_load(&rules, "/etc/fw.rules", &err);
 *     ...
 *     flow_parse(&flow, frame, len);
 *     rule = rules_match(rules, &flow);
 *     rule->n_packets++;
 *     if (!rule->allow) {
 *         drop it;
 *     }
 *
 * Thread-safety: one thread at a time; the counters are plain. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "flow.h"
#include "nf/error.h"
#include "words.h"

struct rule {
    /* What it matches. */
    enum flow_kind family;      /* FLOW_NON_IP: either of the two. */
    int proto;                  /* -1: any. */
    bool has_ports;             /* One of the two ranges is not all. */
    bool later_fragment;        /* Nothing but later fragments. */
    struct ports sport;
    struct ports dport;
    uint64_t want[4];           /* Source and destination, in that order, */
    uint64_t mask[4];           /* where these bits are set. */

    /* What happens then. */
    bool allow;
    bool has_mark;
    uint16_t mark;              /* Lower 16 bits of pkt_mark. */

    /* Where it comes from and what it did. */
    unsigned int line;          /* In the file, from 1; 0 if built in. */
    char *text;                 /* As written, blanks squeezed. */
    uint64_t n_packets;
    uint64_t n_bytes;
};

struct rules {
    char *path;                 /* Of the file, for people to read. */
    struct rule *rules;
    size_t n;
    size_t allocated;

    /* What applies if none of 'rules' does; never NULL 'text'. */
    struct rule fallback;       /* "default" */
    struct rule non_ip;         /* "non-ip" */
    struct rule malformed;
};

/* Reads the rules in the file 'path'.  Returns 0 and stores them in '*rulesp',
 * or a positive errno value, EINVAL for a bad rule, and "PATH:LINE: ..." in
 * 'err'; '*rulesp' is not touched then. */
int rules_load(struct rules **rulesp, const char *path, struct nf_error *err);

/* The same, from 'stream', which messages call 'path'. */
int rules_parse(struct rules **rulesp, FILE *stream, const char *path,
                struct nf_error *err);

/* Frees 'rules'.  Accepts NULL. */
void rules_destroy(struct rules *rules);

/* Returns the rule that decides about 'flow'; belongs to 'rules'. */
struct rule *rules_match(struct rules *rules, const struct flow *flow);

/* Prints each rule and how often it decided, a line each. */
void rules_print(FILE *stream, const struct rules *rules);

#endif /* rules.h */
