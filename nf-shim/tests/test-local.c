/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What is for the guest's own kernel, and that the handler does not see it.
 */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-guest.h"
#include "fake-host.h"
#include "local.h"
#include "loop.h"
#include "nf/shim.h"

#define MAC "\x52\x54\x00\x00\x00\x07"
#define OTHER_MAC "\x52\x54\x00\x00\x00\x08"
#define BROADCAST "\xff\xff\xff\xff\xff\xff"
#define MULTICAST "\x33\x33\xff\x00\x00\x07"
#define FROM "\x02\x00\x00\x00\x00\x01"
#define IP "\xc0\x00\x02\x07"   /* 192.0.2.7 */
#define OTHER_IP "\xc0\x00\x02\x08"

#define ARP(TO, OP, TARGET)                                                 \
    TO FROM "\x08\x06\x00\x01\x08\x00\x06\x04\x00" OP FROM "\xc0\x00\x02\x01" \
    "\x00\x00\x00\x00\x00\x00" TARGET

#define PREFIX "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
#define SOLICIT(VERSION, NEXT, HOPS, TYPE, CODE, TARGET)                    \
    MULTICAST FROM "\x86\xdd" VERSION "\x00\x00\x00\x00\x18" NEXT HOPS      \
    PREFIX "\x01\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\x00\x00" \
    "\x07" TYPE CODE "\x00\x00\x00\x00\x00\x00" PREFIX TARGET

static struct nfi_local local;

static int
setup(void **state)
{
    (void) state;
    local = (struct nfi_local) {
        .n_macs = 2,
        .macs = { 1, nfi_local_mac((const uint8_t *) MAC) },
        .n_ipv4 = 2,
        .ipv4 = { htonl(1), htonl(0xc0000207) },
        .n_ipv6 = 2,
    };
    memcpy(local.ipv6[1], PREFIX "\x07", 16);
    return 0;
}

/* The frame ends where a page does that nobody may read, so that a look
 * beyond its end is seen. */
static bool
has(const char *frame, size_t len)
{
    size_t page = sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool result;

    assert_true(p != MAP_FAILED);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    memcpy(p + page - len, frame, len);
    result = nfi_local_has(&local, (uint8_t *) p + page - len, len);
    munmap(p, 2 * page);
    return result;
}

struct frame_case {
    const char *name;
    const char *frame;
    size_t len;                 /* Bytes. */
    bool local;
};
#define CASE(NAME, FRAME, LOCAL) { NAME, FRAME, sizeof FRAME - 1, LOCAL }

static const struct frame_case cases[] = {
    CASE("unicast to the kernel", MAC FROM "\x08\x00", true),
    CASE("with a VLAN tag", MAC FROM "\x81\x00\x00\x05\x08\x00", false),
    CASE("with a service tag", MAC FROM "\x88\xa8\x00\x05\x08\x00", false),
    CASE("unicast to another", OTHER_MAC FROM "\x08\x00", false),
    CASE("multicast", MULTICAST FROM "\x08\x00", false),
    CASE("broadcast", BROADCAST FROM "\x08\x00", false),
    CASE("header only", MAC FROM "\x08", false),
    CASE("ARP request", ARP(BROADCAST, "\x01", IP), true),
    CASE("ARP request for another", ARP(BROADCAST, "\x01", OTHER_IP), false),
    CASE("ARP request to another", ARP(OTHER_MAC, "\x01", IP), false),
    CASE("unicast ARP reply", ARP(MAC, "\x02", IP), true),
    CASE("broadcast ARP reply", ARP(BROADCAST, "\x02", IP), false),
    CASE("ARP request in a VLAN", BROADCAST FROM "\x81\x00\x00\x05\x08\x06\x00"
         "\x01\x08\x00\x06\x04\x00\x01" FROM "\xc0\x00\x02\x01\x00\x00\x00\x00"
         "\x00\x00" IP, false),
    CASE("ARP of another hardware", BROADCAST FROM "\x08\x06\x00\x06\x08\x00"
         "\x06\x04\x00\x01" FROM "\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x00" IP,
         false),
    CASE("solicitation",
         SOLICIT("\x60", "\x3a", "\xff", "\x87", "\x00", "\x07"), true),
    CASE("solicitation of another",
         SOLICIT("\x60", "\x3a", "\xff", "\x87", "\x00", "\x08"), false),
    CASE("advertisement",
         SOLICIT("\x60", "\x3a", "\xff", "\x88", "\x00", "\x07"), false),
    CASE("solicitation from afar",
         SOLICIT("\x60", "\x3a", "\x40", "\x87", "\x00", "\x07"), false),
    CASE("solicitation with a code",
         SOLICIT("\x60", "\x3a", "\xff", "\x87", "\x01", "\x07"), false),
    CASE("UDP", SOLICIT("\x60", "\x11", "\xff", "\x87", "\x00", "\x07"),
         false),
    CASE("not IPv6", SOLICIT("\x40", "\x3a", "\xff", "\x87", "\x00", "\x07"),
         false),
};

static void
test_cases(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct frame_case *c = &cases[i];
        char padded[128] = "";

        memcpy(padded, c->frame, c->len);
        if (has(c->frame, c->len) != c->local
            || (c->len >= 14 && has(padded, sizeof padded) != c->local)) {
            fail_msg("%s", c->name);
        }
    }
}

/* A part of a frame is the kernel's if the frame's first bytes say so, and
 * never if what says so is missing. */
static void
test_truncated(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct frame_case *c = &cases[i];

        for (size_t len = 0; len < c->len; len++) {
            bool to_mac = (len >= 14 && c->local
                           && !memcmp(c->frame, MAC, 6));

            if (has(c->frame, len) != to_mac) {
                fail_msg("%zu bytes of: %s", len, c->name);
            }
        }
    }
}

static void
test_no_addresses(void **state)
{
    (void) state;
    local = (struct nfi_local) { .n_macs = 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(has(cases[i].frame, cases[i].len));
    }
}

static void
test_read(void **state)
{
    (void) state;
    local.n_macs = local.n_ipv4 = local.n_ipv6 = 99;
    assert_int_equal(nfi_local_read(&local), 0);
    assert_in_range(local.n_macs, 0, NFI_LOCAL_MAX);
    assert_in_range(local.n_ipv4, 0, NFI_LOCAL_MAX);
    for (unsigned int i = 0; i < local.n_ipv4; i++) {
        assert_int_not_equal(local.ipv4[i], htonl(INADDR_LOOPBACK));
    }
    for (unsigned int i = 0; i < local.n_macs; i++) {
        assert_int_equal(local.macs[i] >> 48, 0);
    }
}

static struct fake_host h;
static struct fake_guest guest;

/* What the handler saw: the fillings of the frames in its burst. */
static char seen[NF_BURST + 1];

static void
handle(struct nf_burst *burst, void *aux)
{
    (void) aux;
    assert_true(burst->n > 0);
    for (unsigned int i = 0; i < burst->n; i++) {
        seen[i] = burst->packets[i].data[20];
        nf_packet_set_nf_mark(&burst->packets[i], 5);
    }
    seen[burst->n] = '\0';
}

/* Sends frames with the fillings 'fills', capitals to the kernel, through
 * 'loop'.  What comes out must be those of 'all', and the handler must have
 * seen those of 'handled'. */
static void
check_burst(struct nfi_loop *loop, const char *fills, const char *all,
            const char *handled)
{
    struct vhc_desc desc[NF_BURST] = { { .buf = 0 } };
    unsigned int n = strlen(fills);
    bool blocked = false;

    for (unsigned int i = 0; i < n; i++) {
        desc[i] = fake_host_frame(&h, fake_host_id(i), 60, fills[i]);
        memcpy(fake_host_data(&h, &desc[i]), fills[i] < 'a' ? MAC : OTHER_MAC,
               6);
    }
    seen[0] = '\0';
    assert_int_equal(fake_host_put(&h, 0, desc, n), n);
    assert_int_equal(nfi_lanes_turn(loop, &blocked), n);
    assert_string_equal(seen, handled);
    assert_int_equal(fake_host_get(&h, 0, desc, NF_BURST), n);
    for (unsigned int i = 0; i < n; i++) {
        bool aside = !strchr(handled, all[i]);

        assert_int_equal(fake_host_data(&h, &desc[i])[20], all[i]);
        assert_int_equal(desc[i].verdict, aside ? VHC_LOCAL : VHC_FORWARD);
        assert_int_equal(desc[i].mark, aside ? 0 : 5);
    }
}

static void
test_lanes(void **state)
{
    struct nf_run run = { .name = "test", .n_ports = 1, .burst = handle };
    struct nf_port_options options = { .pci_path = guest.dir };
    struct nfi_loop *loop = calloc(1, sizeof *loop);

    (void) state;
    assert_non_null(loop);
    fake_host_create(&h, "blue", "fw");
    fake_host_start(&h);
    fake_guest_create(&guest);
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    for (int i = 0; i < 3; i++) {
        bool on = i == 0;

        run.no_local = i == 1;
        *loop = (struct nfi_loop) { .run = &run, .local = local };
        assert_int_equal(nf_port_open(i == 2 ? h.ring_path : NULL, &options,
                                      &loop->ports[0], NULL), 0);
        assert_int_equal(nfi_lanes_init(loop), 0);
        assert_int_equal(loop->has_local, on);
        check_burst(loop, "abc", "abc", "abc");
        check_burst(loop, "aBcDEf", on ? "acfBDE" : "aBcDEf",
                    on ? "acf" : "aBcDEf");
        check_burst(loop, "Ab", on ? "bA" : "Ab", on ? "b" : "Ab");
        check_burst(loop, "aB", "aB", on ? "a" : "aB");
        check_burst(loop, "AB", "AB", on ? "" : "AB");
        nfi_lanes_destroy(loop);
        nf_port_close(loop->ports[0]);
    }
    fake_guest_destroy(&guest);
    fake_host_destroy(&h);
    free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_cases, setup),
        cmocka_unit_test_setup(test_truncated, setup),
        cmocka_unit_test_setup(test_no_addresses, setup),
        cmocka_unit_test_setup(test_read, setup),
        cmocka_unit_test_setup(test_lanes, setup),
    };

    return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
