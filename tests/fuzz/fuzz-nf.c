/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What NFs parse: frames that their neighbours made, which change while they
 * are read, and the rules of nf-firewall.
 *
 * An input is a frame or, if bit 0 of its first byte is set, a file of rules.
 * Before a frame are four more bytes: a length to cut it to, and when its
 * bytes change to what. */

#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "frames.h"
#include "fuzz.h"
#include "local.h"
#include "race.h"
#include "rules.h"

#define FRAME_HEADER 5
#define MAX_FRAME 9000          /* Bytes. */

/* Every kind of match, for whatever frame. */
static const char all_rules[] =
    "allow proto tcp src 10.0.0.0/8 dport 80-90 mark 7\n"
    "deny proto udp sport 53\n"
    "allow src 2001:db8::/32 dst any proto icmp6\n"
    "deny proto 47\n"
    "allow fragment dst 192.0.2.1\n"
    "deny proto sctp sport 1-65535 dport 0-1\n"
    "non-ip deny\n"
    "default allow\n";

static const struct nfi_local local = {
    .n_macs = 1, .n_ipv4 = 1, .n_ipv6 = 1,
    .macs = { 0x020000000001 },
    .ipv4 = { 0x0100000a },     /* 10.0.0.1. */
    .ipv6 = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
};

static const struct frame_spec specs[] = {
    { .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 6, .dport = 80 },
    { .src = "192.0.2.1", .dst = "10.0.0.2", .proto = 17, .sport = 53,
      .n_vlans = 2 },
    { .src = "2001:db8::1", .dst = "2001:db8::2", .proto = 58,
      .has_extensions = true, .extensions = { 0, 255 } },
    { .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 132, .fragment = 9 },
    { .src = NULL },
};
#define N_SPECS (sizeof specs / sizeof specs[0])

static struct rules *rules;     /* 'all_rules'. */
static struct flow flows[N_SPECS];
static struct counts *counts;
static uint8_t kinds[MAX_FRAME / RACE_UNIT + 1];
static FILE *nowhere;

static int
parse(struct rules **rulesp, const char *text, size_t n, struct nf_error *err)
{
    FILE *stream = fmemopen((char *) text, n, "r");
    int error;

    assert_non_null(stream);
    error = rules_parse(rulesp, stream, "file", err);
    fclose(stream);
    return error;
}

void
fuzz_start(void)
{
    struct nf_error err;

    assert_int_equal(parse(&rules, all_rules, sizeof all_rules - 1, &err), 0);
    for (size_t i = 0; i < N_SPECS; i++) {
        struct frame frame;

        frame_make(&frame, &specs[i]);
        flow_parse(&flows[i], frame.bytes, frame.len);
        assert_int_not_equal(flows[i].kind, FLOW_MALFORMED);
    }
    counts = malloc(sizeof *counts);
    memset(kinds, RACE_ONCE, sizeof kinds);
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
}

static void
check_flow(const struct flow *flow)
{
    static const struct flow none;
    struct flow rest = *flow;

    switch (flow->kind) {
    case FLOW_NON_IP: rest.eth_type = 0; break;
    case FLOW_MALFORMED: rest.kind = 0; break;
    case FLOW_IPV4:
        for (int i = 4; i < 16; i++) {
            assert_int_equal(flow->src.bytes[i] | flow->dst.bytes[i], 0);
        }
        /* fall through */
    case FLOW_IPV6:
    default:
        assert_int_equal(flow->has_ports, flow_proto_has_ports(flow->proto)
                         && !flow->later_fragment);
        assert_true(flow->has_ports || !(flow->sport | flow->dport));
        return;
    }
    assert_memory_equal(&rest, &none, sizeof none);
}

/* Checks that the rule that decides about 'flow' is one that matches it, and
 * the first. */
static void
check_match(struct rules *r, const struct flow *flow)
{
    const struct rule *rule = rules_match(r, flow);
    bool listed = r->n && rule >= r->rules && rule < r->rules + r->n;

    if (flow->kind == FLOW_NON_IP || flow->kind == FLOW_MALFORMED) {
        assert_ptr_equal(rule, flow->kind == FLOW_NON_IP ? &r->non_ip
                               : &r->malformed);
        return;
    }
    assert_true(listed || rule == &r->fallback);
    if (listed) {
        assert_true(!rule->family || rule->family == flow->kind);
        assert_true(rule->proto < 0 || rule->proto == flow->proto);
        assert_true(!rule->later_fragment || flow->later_fragment);
        assert_true(!rule->has_ports
                    || (flow->has_ports && flow->sport >= rule->sport.first
                        && flow->sport <= rule->sport.last
                        && flow->dport >= rule->dport.first
                        && flow->dport <= rule->dport.last));
    }
}

/* Counts the frame: once in one of the kinds, and as one of the talkers. */
static void
count(const uint8_t *frame, size_t size, const struct flow *flow)
{
    struct talker top;
    uint64_t n;

    memset(counts, 0, sizeof *counts);
    counts_add(counts, frame, size);
    n = counts->arp.n_packets + counts->non_ip.n_packets
        + counts->malformed.n_packets;
    for (int i = 0; i < 256; i++) {
        n += counts->ipv4[i].n_packets + counts->ipv6[i].n_packets;
    }
    assert_int_equal(n, 1);
    assert_int_equal(talkers_top(&counts->talkers, &top, 1),
                     flow->kind == FLOW_IPV4 || flow->kind == FLOW_IPV6);
    counts_print(nowhere, "fuzz", counts, 1);
}

/* A frame that is cut off is malformed, or what was cut off was padding. */
static void
check_cut(const uint8_t *frame, size_t size, const struct flow *whole)
{
    uint8_t *p = malloc(size);
    struct flow flow;

    memcpy(p, frame, size);
    flow_parse(&flow, p, size);
    check_flow(&flow);
    if (flow.kind != FLOW_MALFORMED) {
        assert_memory_equal(&flow, whole, sizeof flow);
    }
    free(p);
}

/* Somebody writes to the frame while it is parsed. */
static void
parse_racing(const uint8_t *header, uint8_t *frame, size_t size)
{
    struct flow flow;

    race_reset();
    race_map(frame, size, kinds, false);
    race_arm(header[2] & 31, header[3]);
    race_arm(header[2] >> 5, header[4]);
    race_begin();
    flow_parse(&flow, frame, size);
    race_end();
    check_flow(&flow);
    check_match(rules, &flow);
    race_begin();
    nfi_local_has(&local, frame, size);
    race_end();
    race_unmap(frame);
}

static void
do_frame(const uint8_t header[FRAME_HEADER], const uint8_t *data, size_t size)
{
    uint8_t *frame = malloc(size);
    struct flow flow;

    memcpy(frame, data, size);
    flow_parse(&flow, frame, size);
    fuzz_trace("kind %d, type %#x, protocol %u, ports %u and %u", flow.kind,
               flow.eth_type, flow.proto, flow.sport, flow.dport);
    fuzz_note_bytes(&flow, sizeof flow);
    check_flow(&flow);
    check_match(rules, &flow);
    check_cut(frame, size < header[1] ? size : header[1], &flow);
    fuzz_note(nfi_local_has(&local, frame, size));
    count(frame, size, &flow);
    parse_racing(header, frame, size);
    free(frame);
}

/* What was understood, written again, means the same. */
static void
check_again(const struct rule *rule)
{
    struct nf_error err = { "" };
    struct rules *again;
    const struct rule *r;

    if (parse(&again, rule->text, strlen(rule->text), &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(again->n, 1);
    r = &again->rules[0];
    assert_int_equal(r->family, rule->family);
    assert_int_equal(r->proto, rule->proto);
    assert_int_equal(r->has_ports, rule->has_ports);
    assert_int_equal(r->later_fragment, rule->later_fragment);
    assert_memory_equal(&r->sport, &rule->sport, sizeof r->sport);
    assert_memory_equal(&r->dport, &rule->dport, sizeof r->dport);
    assert_memory_equal(r->want, rule->want, sizeof r->want);
    assert_memory_equal(r->mask, rule->mask, sizeof r->mask);
    assert_int_equal(r->allow, rule->allow);
    assert_int_equal(r->mark, rule->mark);
    assert_string_equal(r->text, rule->text);
    rules_destroy(again);
}

static void
check_rule(const struct rule *rule)
{
    for (int i = 0; i < 4; i++) {
        assert_true(!(rule->want[i] & ~rule->mask[i]));
    }
    assert_true(rule->sport.first <= rule->sport.last);
    assert_true(rule->dport.first <= rule->dport.last);
    assert_in_range(rule->proto + 1, 0, 256);
    check_again(rule);
}

static void
do_rules(const uint8_t *data, size_t size)
{
    struct nf_error err = { "" };
    struct rules *parsed = NULL;
    int error = parse(&parsed, (const char *) data, size, &err);

    fuzz_note(error);
    if (error) {
        fuzz_trace("%s", err.text);
        fuzz_note_bytes(err.text, strlen(err.text));
        assert_null(parsed);
        assert_int_equal(strncmp(err.text, "file:", 5), 0);
        assert_true(atoi(err.text + 5) > 0);
        return;
    }
    fuzz_trace("%zu rules", parsed->n);
    fuzz_note(parsed->n);
    for (size_t i = 0; i < parsed->n; i++) {
        check_rule(&parsed->rules[i]);
    }
    for (size_t i = 0; i < N_SPECS; i++) {
        check_match(parsed, &flows[i]);
    }
    rules_print(nowhere, parsed);
    rules_destroy(parsed);
}

void
fuzz_one(const uint8_t *data, size_t size)
{
    static const uint8_t none[FRAME_HEADER];

    if (size < FRAME_HEADER || size > MAX_FRAME) {
        do_frame(none, none, 0);
    } else if (!(data[0] & 1)) {
        do_frame(data, data + FRAME_HEADER, size - FRAME_HEADER);
    } else {
        do_rules(data + 1, size - 1);
    }
}
