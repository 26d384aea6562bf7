/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What frames are taken for, whole, cut off and garbled. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "flow.h"
#include "frames.h"

#define V4 .src = "10.1.2.3", .dst = "192.0.2.77"
#define V6 .src = "2001:db8::1", .dst = "2001:db8:ffff::2"
#define EXT .has_extensions = true, .extensions

static const struct {
    struct frame_spec spec;
    enum flow_kind kind;
    bool has_ports;
    bool later_fragment;
    int proto;                  /* -1: as in 'spec'. */
} cases[] = {
    /* 0: plain. */
    { { V4, .proto = 6 }, FLOW_IPV4, true, false, -1 },
    { { V4, .proto = 17 }, FLOW_IPV4, true, false, -1 },
    { { V4, .proto = 132 }, FLOW_IPV4, true, false, -1 },
    { { V4, .proto = 1 }, FLOW_IPV4, false, false, -1 },
    { { V4, .proto = 47 }, FLOW_IPV4, false, false, -1 },
    { { V6, .proto = 6 }, FLOW_IPV6, true, false, -1 },
    { { V6, .proto = 58 }, FLOW_IPV6, false, false, -1 },
    { { V6, .proto = 59 }, FLOW_IPV6, false, false, -1 },
    { { .proto = 0 }, FLOW_NON_IP, false, false, 0 },
    /* 9: VLAN tags, options, padding. */
    { { V4, .proto = 6, .n_vlans = 1 }, FLOW_IPV4, true, false, -1 },
    { { V6, .proto = 6, .n_vlans = 2 }, FLOW_IPV6, true, false, -1 },
    { { V4, .proto = 6, .n_vlans = 3 }, FLOW_MALFORMED, false, false, 0 },
    { { .n_vlans = 2 }, FLOW_NON_IP, false, false, 0 },
    { { V4, .proto = 6, .options = 10 }, FLOW_IPV4, true, false, -1 },
    { { V4, .proto = 6, .padding = 6 }, FLOW_IPV4, true, false, -1 },
    { { V6, .proto = 17, .padding = 9 }, FLOW_IPV6, true, false, -1 },
    /* 16: fragments. */
    { { V4, .proto = 6, .more_fragments = true }, FLOW_IPV4, true, false,
      -1 },
    { { V4, .proto = 6, .fragment = 1 }, FLOW_IPV4, false, true, -1 },
    { { V4, .proto = 6, .fragment = 0x1fff }, FLOW_IPV4, false, true, -1 },
    { { V6, .proto = 6, EXT = { 44, 255 }, .more_fragments = true },
      FLOW_IPV6, true, false, -1 },
    { { V6, .proto = 6, EXT = { 44, 255 }, .fragment = 1 }, FLOW_IPV6, false,
      true, -1 },
    { { V6, .proto = 6, EXT = { 0, 44, 255 }, .fragment = 0x1fff },
      FLOW_IPV6, false, true, -1 },
    /* 22: extension headers. */
    { { V6, .proto = 17, EXT = { 0, 43, 60, 51, 135, 255 } }, FLOW_IPV6, true,
      false, -1 },
    { { V6, .proto = 58, EXT = { 0, 0, 0, 0, 0, 0, 0, 0, 255 } }, FLOW_IPV6,
      false, false, -1 },
    { { V6, .proto = 58, EXT = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 255 } },
      FLOW_MALFORMED, false, false, 0 },
    { { V6, .proto = 50, EXT = { 60, 255 } }, FLOW_IPV6, false, false, -1 },
    /* 26: the rest of a fragment is not an extension header. */
    { { V6, .proto = 60, EXT = { 44, 255 }, .fragment = 1 }, FLOW_IPV6, false,
      true, -1 },
};
#define N_CASES (sizeof cases / sizeof *cases)

static void
make(size_t i, struct frame *f)
{
    struct frame_spec spec = cases[i].spec;

    spec.sport = 0x1234;
    spec.dport = 0xfedc;
    frame_make(f, &spec);
}

static void
test_cases(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_CASES; i++) {
        struct frame f;
        struct flow flow;
        int proto = cases[i].proto < 0 ? cases[i].spec.proto : cases[i].proto;

        make(i, &f);
        flow_parse(&flow, f.bytes, f.len);
        if (flow.kind != cases[i].kind || flow.proto != proto
            || flow.has_ports != cases[i].has_ports
            || flow.later_fragment != cases[i].later_fragment) {
            fail_msg("case %zu: kind %d proto %d ports %d later %d", i,
                     flow.kind, flow.proto, flow.has_ports,
                     flow.later_fragment);
        }
        if (flow.has_ports) {
            assert_int_equal(flow.sport, 0x1234);
            assert_int_equal(flow.dport, 0xfedc);
        }
    }
}

static void
test_addresses(void **state)
{
    static const uint8_t v4_src[16] = { 10, 1, 2, 3 };
    static const uint8_t v4_dst[16] = { 192, 0, 2, 77 };
    static const uint8_t v6_src[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
    static const uint8_t v6_dst[16] = { 0x20, 1, 0xd, 0xb8, 255, 255,
                                        [15] = 2 };
    struct flow flow;
    struct frame f;

    (void) state;
    make(0, &f);
    flow_parse(&flow, f.bytes, f.len);
    assert_memory_equal(flow.src.bytes, v4_src, 16);
    assert_memory_equal(flow.dst.bytes, v4_dst, 16);
    make(10, &f);
    flow_parse(&flow, f.bytes, f.len);
    assert_memory_equal(flow.src.bytes, v6_src, 16);
    assert_memory_equal(flow.dst.bytes, v6_dst, 16);
    make(8, &f);
    flow_parse(&flow, f.bytes, f.len);
    assert_int_equal(flow.eth_type, 0x0806);
}

/* Cut off anywhere, a good frame is malformed: its lengths say so. */
static void
test_truncated(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_CASES; i++) {
        struct flow flow;
        struct frame f;

        make(i, &f);
        for (uint32_t len = 0; len < f.len - cases[i].spec.padding; len++) {
            bool whole = cases[i].kind == FLOW_NON_IP && len >= f.ip_off;

            flow_parse(&flow, f.bytes, len);
            if (flow.kind != (whole ? FLOW_NON_IP : FLOW_MALFORMED)) {
                fail_msg("case %zu cut to %u: kind %d", i, len, flow.kind);
            }
        }
    }
}

/* A first fragment without its ports, and headers that contradict. */
static void
test_contradictions(void **state)
{
    static const struct {
        size_t i;               /* Index in 'cases'. */
        uint32_t off;           /* Bytes from the IP header. */
        uint8_t value;
    } bytes[] = {
        { 0, 0, 0x44 },         /* Header shorter than 20 bytes. */
        { 0, 0, 0x4f },         /* Longer than the packet. */
        { 0, 0, 0x55 },         /* Version 5. */
        { 0, 3, 19 },           /* Packet shorter than its header. */
        { 0, 3, 23 },           /* No room for the ports. */
        { 16, 3, 23 },          /* The same in a first fragment. */
        { 0, 2, 1 },            /* Packet longer than the frame. */
        { 5, 0, 0x40 },         /* Version 4. */
        { 5, 5, 3 },            /* No room for the ports. */
        { 5, 4, 1 },            /* Packet longer than the frame. */
        { 22, 41, 200 },        /* Extension longer than the packet. */
    };

    (void) state;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct flow flow;
        struct frame f;

        make(bytes[i].i, &f);
        f.bytes[f.ip_off + bytes[i].off] = bytes[i].value;
        flow_parse(&flow, f.bytes, f.len);
        if (flow.kind != FLOW_MALFORMED) {
            fail_msg("contradiction %zu: kind %d", i, flow.kind);
        }
    }
}

/* Memory that ends where 'edge' says: what is read behind it is noticed. */
struct cliff {
    uint8_t *start;
    uint8_t *edge;
};

static void
cliff_create(struct cliff *cliff)
{
    const size_t page = 65536;  /* Or several. */
    uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    *cliff = (struct cliff) { p, p + page };
}

static void
cliff_destroy(struct cliff *cliff)
{
    munmap(cliff->start, 2 * (cliff->edge - cliff->start));
}

static void
parse_at_cliff(const struct cliff *cliff, const struct frame *f,
               struct flow *flow)
{
    uint8_t *frame = cliff->edge - f->len;

    memcpy(frame, f->bytes, f->len);
    flow_parse(flow, frame, f->len);
}

static void
test_garbled(void **state)
{
    unsigned int n_parsed = 0;
    struct cliff cliff;

    (void) state;
    cliff_create(&cliff);
    srand(1);
    for (int i = 0; i < 300000; i++) {
        struct flow flow;
        struct frame f;

        make(rand() % N_CASES, &f);
        for (int j = rand() % 4; j > 0; j--) {
            f.bytes[12 + rand() % (f.len - 12)] = rand();
        }
        f.len -= rand() % 4 ? 0 : rand() % f.len;
        parse_at_cliff(&cliff, &f, &flow);
        n_parsed += flow.kind != FLOW_MALFORMED;
    }
    assert_in_range(n_parsed, 100000, 290000);
    cliff_destroy(&cliff);
}

/* Packets whose headers agree on a length that cuts off what they need. */
static void
test_short_packets(void **state)
{
    struct cliff cliff;

    (void) state;
    cliff_create(&cliff);
    for (size_t i = 0; i < N_CASES; i++) {
        enum flow_kind kind = cases[i].kind;
        struct frame f;

        if (kind != FLOW_IPV4 && kind != FLOW_IPV6) {
            continue;
        }
        make(i, &f);
        for (f.len = f.ip_off + (kind == FLOW_IPV4 ? 20 : 40);
             f.len < f.l4_off + 4; f.len++) {
            uint32_t ip_len = f.len - f.ip_off;
            struct flow flow;

            f.bytes[f.ip_off + (kind == FLOW_IPV4 ? 3 : 5)]
                = kind == FLOW_IPV4 ? ip_len : ip_len - 40;
            parse_at_cliff(&cliff, &f, &flow);
            if (flow.kind != FLOW_MALFORMED
                && (f.len < f.l4_off || cases[i].has_ports)
                && !cases[i].later_fragment) {
                fail_msg("case %zu, %u bytes: kind %d", i, f.len, flow.kind);
            }
        }
    }
    cliff_destroy(&cliff);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_garbled),
        cmocka_unit_test(test_short_packets),
    };

    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
