/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The rules of nf-firewall: which lines are good, what is said about the bad
 * ones, and which rule decides about a packet. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "frames.h"
#include "rules.h"

static int
parse(struct rules **rules, const char *text, size_t size,
      struct nf_error *err)
{
    FILE *stream = fmemopen((void *) text, size, "r");
    int error;

    assert_non_null(stream);
    error = rules_parse(rules, stream, "f", err);
    fclose(stream);
    return error;
}

static struct rules *
parse_good(const char *text)
{
    struct nf_error err = { "" };
    struct rules *rules = NULL;

    if (parse(&rules, text, strlen(text), &err)) {
        fail_msg("\"%s\": %s", text, err.text);
    }
    return rules;
}

static void
test_good_lines(void **state)
{
    static const struct {
        const char *text;
        size_t n;               /* Rules. */
    } cases[] = {
        { "\n", 0 },
        { "# nothing\n\n  \t \n", 0 },
        { "allow", 1 },
        { "deny # everything\n", 1 },
        { "allow\r\ndeny\r\n", 2 },
        { "allow proto any src any dst any\n", 1 },
        { "allow proto 0\nallow proto 255\n", 2 },
        { "allow proto tcp sport 0 dport 65535\n", 1 },
        { "allow dport 80-80 proto udp\n", 1 },
        { "allow proto 0x11 dport 0x50\n", 1 },
        { "allow src 10.0.0.0/8 dst 10.1.2.3\n", 1 },
        { "allow src 0.0.0.0/0\nallow dst ::/0\n", 2 },
        { "allow src 255.255.255.255/32 dst 128.0.0.0/1\n", 1 },
        { "allow src 2001:db8::/32 dst ::1\n", 1 },
        { "allow src 2001:db8::8000/113\n", 1 },
        { "allow mark 0\nallow mark 0xffff\nallow mark 65535\n", 3 },
        { "deny fragment proto udp\n", 1 },
        { "default allow\nnon-ip deny\n", 0 },
        { "allow proto icmp src 10.0.0.1\nallow proto icmp6 src ::1\n", 2 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rules *rules = parse_good(cases[i].text);

        assert_int_equal(rules->n, cases[i].n);
        rules_destroy(rules);
    }
    rules_destroy(NULL);
}

static void
test_bad_lines(void **state)
{
    static const char ports[] = " is not a port or a range of ports such as "
                                "80 or 1024-65535";
    static const char prefix[] = " is not an address or a prefix such as "
                                 "10.0.0.0/8 or 2001:db8::/32";
    static const struct {
        const char *text;
        const char *message;    /* A prefix of it. */
        const char *more;       /* The rest, or NULL. */
    } cases[] = {
        { "pass\n", "f:1: \"pass\" is not known: expected allow, deny, "
          "default or non-ip", NULL },
        { "allow\n\n# x\nALLOW\n", "f:4: \"ALLOW\" is not known", NULL },
        { "allow tcp", "f:1: \"tcp\" is not known: expected mark, proto, src, "
          "sport, dst, dport or fragment", NULL },
        { "allow proto", "f:1: \"proto\" lacks its value", NULL },
        { "allow src # 10.0.0.0/8", "f:1: \"src\" lacks its value", NULL },
        { "allow proto tcp proto udp", "f:1: \"proto\" is there twice", NULL },
        { "deny fragment fragment", "f:1: \"fragment\" is there twice", NULL },
        { "allow proto ip", "f:1: \"ip\" is not a protocol: a number from 0 "
          "to 255 or any, icmp,", NULL },
        { "allow proto 256", "f:1: \"256\" is not a protocol", NULL },
        { "allow proto -1", "f:1: \"-1\" is not a protocol", NULL },
        { "allow proto tcp dport http", "f:1: \"http\"", ports },
        { "allow proto tcp dport 65536", "f:1: \"65536\"", ports },
        { "allow proto tcp dport 80-", "f:1: \"80-\"", ports },
        { "allow proto tcp dport -80", "f:1: \"-80\"", ports },
        { "allow proto tcp dport 90-80", "f:1: \"90-80\"", ports },
        { "allow proto tcp dport 1-2-3", "f:1: \"1-2-3\"", ports },
        { "allow proto tcp dport 00000000000080", "f:1: \"00000000000080\"",
          ports },
        { "allow dport 80", "f:1: ports need \"proto\" tcp, udp, sctp, dccp "
          "or udplite", NULL },
        { "allow proto icmp dport 80", "f:1: ports need", NULL },
        { "allow proto any sport 80", "f:1: ports need", NULL },
        { "allow fragment proto udp dport 53", "f:1: \"fragment\" with ports "
          "never matches: only the first fragment has ports", NULL },
        { "allow src 10.0.0", "f:1: \"10.0.0\"", prefix },
        { "allow src 10.0.0.256", "f:1: \"10.0.0.256\"", prefix },
        { "allow src 10.0.0.0/33", "f:1: \"10.0.0.0/33\"", prefix },
        { "allow src 10.0.0.0/", "f:1: \"10.0.0.0/\"", prefix },
        { "allow src 10.0.0.0/8/8", "f:1: \"10.0.0.0/8/8\"", prefix },
        { "allow src 10.0.0.0/-1", "f:1: \"10.0.0.0/-1\"", prefix },
        { "allow dst ::/129", "f:1: \"::/129\"", prefix },
        { "allow dst 2001:db8::g", "f:1: \"2001:db8::g\"", prefix },
        { "allow dst /8", "f:1: \"/8\"", prefix },
        { "allow dst 1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
          "f:1: \"1111:2222:", NULL },
        { "allow src 10.0.0.1/8", "f:1: \"10.0.0.1/8\" has bits set behind "
          "the first 8: \"10.0.0.0/8\" is meant?", NULL },
        { "allow src 2001:db8::1/64", "f:1: \"2001:db8::1/64\" has bits set "
          "behind the first 64: \"2001:db8::/64\" is meant?", NULL },
        { "allow src 10.0.0.0/8 dst ::1", "f:1: src and dst are of different "
          "families", NULL },
        { "allow proto icmp6 src 10.0.0.1", "f:1: icmp6 with IPv4 addresses "
          "never matches: icmp is meant?", NULL },
        { "allow dst ::1 proto icmp", "f:1: icmp with IPv6 addresses never "
          "matches: icmp6 is meant?", NULL },
        { "allow mark 0x10000", "f:1: \"0x10000\" is not a mark: a number "
          "from 0 to 65535", NULL },
        { "allow mark x", "f:1: \"x\" is not a mark", NULL },
        { "deny mark 1", "f:1: only \"allow\" can set a mark", NULL },
        { "default", "f:1: expected \"default allow\" or \"default deny\"",
          NULL },
        { "default drop", "f:1: expected \"default allow\"", NULL },
        { "default deny proto tcp", "f:1: expected \"default allow\"", NULL },
        { "non-ip", "f:1: expected \"non-ip allow\" or \"non-ip deny\"",
          NULL },
        { "default allow\ndefault allow", "f:2: \"default\" is there twice",
          NULL },
        { "non-ip deny\nallow\nnon-ip deny", "f:3: \"non-ip\" is there twice",
          NULL },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rules *rules = (void *) 1;
        struct nf_error err = { "" };
        char want[256];

        snprintf(want, sizeof want, "%s%s", cases[i].message,
                 cases[i].more ? cases[i].more : "");
        assert_int_equal(parse(&rules, cases[i].text, strlen(cases[i].text),
                               &err), EINVAL);
        assert_ptr_equal(rules, (void *) 1);
        if (strncmp(err.text, want, strlen(want))) {
            fail_msg("case %zu: \"%s\" is not \"%s\"", i, err.text, want);
        }
        assert_int_equal(parse(&rules, cases[i].text, strlen(cases[i].text),
                               NULL), EINVAL);
    }
}

static void
test_nul_byte(void **state)
{
    struct nf_error err;
    struct rules *rules;

    (void) state;
    assert_int_equal(parse(&rules, "allow\nde\0ny\n", 12, &err), EINVAL);
    assert_string_equal(err.text, "f:2: a NUL byte: this is not a text file");
}

#define A "10.0.0.1"
#define B "192.0.2.9"
#define C "2001:db8::1"
#define D "2001:db9::1"

static void
test_matches(void **state)
{
    enum { DEFAULT, NON_IP = 100, MALFORMED };
    static const struct {
        const char *text;
        struct frame_spec spec;
        unsigned int line;      /* Of the rule that decides, or as above. */
    } cases[] = {
        /* 0: first match wins, then the default. */
        { "allow\ndeny\n", { .src = A, .dst = B, .proto = 6 }, 1 },
        { "\n\ndeny\n", { .src = C, .dst = D, .proto = 6 }, 3 },
        { "\n", { .src = A, .dst = B, .proto = 6 }, DEFAULT },
        { "deny proto udp\nallow\n", { .src = A, .dst = B, .proto = 6 }, 2 },
        { "deny proto tcp\nallow\n", { .src = A, .dst = B, .proto = 6 }, 1 },
        { "deny proto 6\nallow\n", { .src = C, .dst = D, .proto = 6 }, 1 },
        /* 6: addresses. */
        { "deny src 10.0.0.1\n", { .src = A, .dst = B, .proto = 6 }, 1 },
        { "deny src 10.0.0.1\n", { .src = B, .dst = A, .proto = 6 },
          DEFAULT },
        { "deny dst 10.0.0.0/31\n", { .src = B, .dst = A, .proto = 6 }, 1 },
        { "deny dst 10.0.0.2/31\n", { .src = B, .dst = A, .proto = 6 },
          DEFAULT },
        { "deny src 0.0.0.0/0\n", { .src = A, .dst = B, .proto = 6 }, 1 },
        { "deny src 0.0.0.0/0\n", { .src = C, .dst = D, .proto = 6 },
          DEFAULT },
        { "deny src ::/0\n", { .src = A, .dst = B, .proto = 6 }, DEFAULT },
        { "deny src ::/0\n", { .src = C, .dst = D, .proto = 6 }, 1 },
        { "deny src 2001:db8::/31 dst 2001:db8::/31\n",
          { .src = C, .dst = D, .proto = 6 }, 1 },
        { "deny src 2001:db8::/32 dst 2001:db8::/32\n",
          { .src = C, .dst = D, .proto = 6 }, DEFAULT },
        { "deny dst 2001:db9::1\n", { .src = C, .dst = D, .proto = 6 }, 1 },
        { "deny dst 2001:db9::2\n", { .src = C, .dst = D, .proto = 6 },
          DEFAULT },
        /* 18: ports. */
        { "deny proto tcp dport 80\n",
          { .src = A, .dst = B, .proto = 6, .dport = 80 }, 1 },
        { "deny proto tcp dport 80\n",
          { .src = A, .dst = B, .proto = 6, .sport = 80 }, DEFAULT },
        { "deny proto tcp dport 80\n",
          { .src = A, .dst = B, .proto = 17, .dport = 80 }, DEFAULT },
        { "deny proto tcp sport 10-20 dport 0-65535\n",
          { .src = C, .dst = D, .proto = 6, .sport = 10 }, 1 },
        { "deny proto tcp sport 10-20\n",
          { .src = C, .dst = D, .proto = 6, .sport = 20 }, 1 },
        { "deny proto tcp sport 10-20\n",
          { .src = C, .dst = D, .proto = 6, .sport = 21 }, DEFAULT },
        { "deny proto tcp sport 10-20\n",
          { .src = C, .dst = D, .proto = 6, .sport = 9 }, DEFAULT },
        /* 25: fragments have the addresses but not the ports. */
        { "allow proto udp dport 53\ndeny proto udp\n",
          { .src = A, .dst = B, .proto = 17, .dport = 53, .fragment = 9 },
          2 },
        { "allow proto udp dport 0-65535\n",
          { .src = A, .dst = B, .proto = 17, .fragment = 1 }, DEFAULT },
        { "allow proto udp dport 53\ndeny\n",
          { .src = A, .dst = B, .proto = 17, .dport = 53,
            .more_fragments = true }, 1 },
        { "allow fragment\ndeny\n",
          { .src = A, .dst = B, .proto = 17, .more_fragments = true }, 2 },
        { "allow fragment proto udp\n",
          { .src = A, .dst = B, .proto = 17, .fragment = 1 }, 1 },
        { "allow fragment proto udp\n",
          { .src = C, .dst = D, .proto = 17, .fragment = 1,
            .has_extensions = true, .extensions = { 44, 255 } }, 1 },
        /* 31: VLAN, extension headers. */
        { "deny proto tcp dport 80\n",
          { .src = A, .dst = B, .proto = 6, .dport = 80, .n_vlans = 1 }, 1 },
        { "deny proto tcp dport 80\n",
          { .src = C, .dst = D, .proto = 6, .dport = 80, .n_vlans = 2,
            .has_extensions = true, .extensions = { 0, 60, 255 } }, 1 },
        /* 33: the rest. */
        { "deny\n", { .n_vlans = 0 }, NON_IP },
        { "allow\n", { .src = A, .dst = B, .proto = 6, .n_vlans = 3 },
          MALFORMED },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct frame_spec *spec = &cases[i].spec;
        struct rules *rules = parse_good(cases[i].text);
        unsigned int line = cases[i].line;
        const struct rule *rule;
        struct frame f;
        struct flow flow;

        frame_make(&f, spec);
        flow_parse(&flow, f.bytes, f.len);
        rule = rules_match(rules, &flow);
        if (line == NON_IP ? rule != &rules->non_ip
            : line == MALFORMED ? rule != &rules->malformed
            : line == DEFAULT ? rule != &rules->fallback
            : rule->line != line) {
            fail_msg("case %zu: \"%s\"", i, rule->text);
        }
        rules_destroy(rules);
    }
}

static void
test_actions(void **state)
{
    struct rules *rules = parse_good("allow mark 0x2 proto tcp\ndeny\n");

    (void) state;
    assert_true(rules->rules[0].allow);
    assert_true(rules->rules[0].has_mark);
    assert_int_equal(rules->rules[0].mark, 2);
    assert_false(rules->rules[1].allow);
    assert_false(rules->rules[1].has_mark);
    assert_false(rules->fallback.allow); /* If nothing is said. */
    assert_true(rules->non_ip.allow);
    assert_false(rules->malformed.allow);
    rules_destroy(rules);

    rules = parse_good("default allow\nnon-ip deny\n");
    assert_true(rules->fallback.allow);
    assert_false(rules->non_ip.allow);
    rules_destroy(rules);
}

static void
test_print(void **state)
{
    struct rules *rules = parse_good("  allow \t proto   tcp # web\n"
                                     "\ndefault  allow\n");
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    (void) state;
    rules->rules[0].n_packets = 3;
    rules->rules[0].n_bytes = 180;
    rules_print(stream, rules);
    fclose(stream);
    assert_string_equal(text,
                        "f:1: packets=3 bytes=180 allow proto tcp\n"
                        "f:3: packets=0 bytes=0 default allow\n"
                        "f: packets=0 bytes=0 non-ip allow\n"
                        "f: packets=0 bytes=0 malformed deny\n");
    free(text);
    rules_destroy(rules);
}

static void
test_load(void **state)
{
    char path[] = "/tmp/nf-rules.XXXXXX";
    int fd = mkstemp(path);
    struct nf_error err;
    struct rules *rules;
    char want[64];

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "allow\nbad\n", 10), 10);
    assert_int_equal(rules_load(&rules, path, &err), EINVAL);
    snprintf(want, sizeof want, "%s:2: \"bad\" is not known", path);
    assert_memory_equal(err.text, want, strlen(want));
    assert_int_equal(ftruncate(fd, 6), 0);
    assert_int_equal(rules_load(&rules, path, &err), 0);
    assert_int_equal(rules->n, 1);
    rules_destroy(rules);
    close(fd);
    unlink(path);
    assert_int_equal(rules_load(&rules, path, &err), ENOENT);
    assert_int_equal(rules_load(&rules, "/tmp", &err), EISDIR);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_nul_byte),
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_load),
    };

    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
