/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Adding and removing bytes at both ends of a frame, and not too many. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nf/packet.h"

static uint8_t buffer[2240];

static struct nf_packet
make(uint16_t off, uint16_t len)
{
    return (struct nf_packet) {
        .desc = { .off = off, .len = len },
        .data = buffer + off,
        .room = sizeof buffer,
    };
}

static void
check(const struct nf_packet *p, uint32_t off, uint32_t len)
{
    assert_int_equal(p->desc.off, off);
    assert_int_equal(nf_packet_len(p), len);
    assert_ptr_equal(p->data, buffer + off);
}

static void
test_push_and_pull(void **state)
{
    struct nf_packet p = make(128, 60);

    (void) state;
    assert_ptr_equal(nf_packet_pull(&p, 14), buffer + 142);
    check(&p, 142, 46);
    assert_ptr_equal(nf_packet_push(&p, 18), buffer + 124);
    check(&p, 124, 64);
    assert_null(nf_packet_push(&p, 125));
    assert_null(nf_packet_push(&p, UINT32_MAX));
    check(&p, 124, 64);
    assert_ptr_equal(nf_packet_push(&p, 124), buffer);
    check(&p, 0, 188);
    assert_null(nf_packet_push(&p, 1));
    assert_null(nf_packet_pull(&p, 189));
    assert_null(nf_packet_pull(&p, UINT32_MAX));
    assert_ptr_equal(nf_packet_pull(&p, 188), buffer + 188);
    check(&p, 188, 0);
}

static void
test_append_and_trim(void **state)
{
    struct nf_packet p = make(2000, 40);

    (void) state;
    assert_ptr_equal(nf_packet_append(&p, 100), buffer + 2040);
    check(&p, 2000, 140);
    assert_null(nf_packet_append(&p, 101));
    assert_null(nf_packet_append(&p, UINT32_MAX));
    check(&p, 2000, 140);
    assert_ptr_equal(nf_packet_append(&p, 100), buffer + 2140);
    assert_null(nf_packet_append(&p, 1));
    assert_null(nf_packet_trim(&p, 241));
    assert_ptr_equal(nf_packet_trim(&p, 60), buffer + 2000);
    check(&p, 2000, 60);
}

/* Lengths are 16 bits, however large the buffer. */
static void
test_long_frames(void **state)
{
    struct nf_packet p = make(1000, 65000);

    (void) state;
    p.room = 100000;
    assert_null(nf_packet_append(&p, 536));
    assert_null(nf_packet_push(&p, 536));
    assert_non_null(nf_packet_push(&p, 535));
    assert_null(nf_packet_append(&p, 1));
    assert_int_equal(nf_packet_len(&p), 65535);
}

static void
test_read_only(void **state)
{
    struct nf_packet p = make(128, 60);

    (void) state;
    p.room = 0;
    assert_null(nf_packet_push(&p, 4));
    assert_null(nf_packet_append(&p, 4));
    assert_non_null(nf_packet_pull(&p, 4));
    assert_non_null(nf_packet_trim(&p, 14));
    check(&p, 132, 14);
}

static void
test_marks(void **state)
{
    struct nf_packet p = make(128, 60);

    (void) state;
    nf_packet_set_mark(&p, 0x12345678);
    nf_packet_set_nf_mark(&p, 0xffff);
    assert_int_equal(nf_packet_mark(&p), 0x1234ffff);
    nf_packet_set_verdict(&p, VHC_LOCAL);
    assert_int_equal(p.desc.verdict, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_and_pull),
        cmocka_unit_test(test_append_and_trim),
        cmocka_unit_test(test_long_frames),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_marks),
    };

    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
