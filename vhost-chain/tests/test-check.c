/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Which descriptors of an NF are good, and why the others are not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

#define N_IDS 16
#define ROOM 2240               /* Bytes. */
#define MAX_LEN 1518            /* Bytes. */
#define SLOT 3

/* Buffers by owner. */
enum {
    MINE = 5,
    HOSTS = 6,
    OTHERS = 7,
    HOLE = 8,
    LAST = N_IDS - 1            /* Mine too. */
};

static struct vhc_limits limits = {
    .n_ids = N_IDS, .room = ROOM, .max_len = MAX_LEN, .slot = SLOT
};

/* On the heap, and no longer than it has to be, so that a memory checker sees
 * a read beyond its end. */
static int
setup(void **state)
{
    uint16_t *owner = malloc(N_IDS * sizeof *owner);

    (void) state;
    assert_non_null(owner);
    for (int i = 0; i < N_IDS; i++) {
        owner[i] = VHC_OWNER_HOST;
    }
    owner[MINE] = owner[LAST] = SLOT;
    owner[OTHERS] = SLOT + 1;
    owner[HOLE] = VHC_OWNER_NONE;
    limits.owner = owner;
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    free((void *) limits.owner);
    return 0;
}

#define CASE(N, WANT, ...) { N, #WANT, VHC_##WANT, { __VA_ARGS__ } }

static const struct {
    int number;
    const char *name;
    enum vhc_drop want;
    struct vhc_desc desc;
} descriptors[] = {
    /* Good. */
    CASE(1, NO_DROP, .buf = MINE, .off = 128, .len = 64),
    CASE(2, NO_DROP, .buf = LAST, .off = 128, .len = 64),
    CASE(3, NO_DROP, .buf = MINE, .off = 0, .len = 64),
    CASE(4, NO_DROP, .buf = MINE, .off = 1, .len = 65),
    CASE(5, NO_DROP, .buf = MINE, .off = 128, .len = 64,
         .mark = UINT32_MAX),

    /* No such buffer. */
    CASE(10, DROP_BAD_BUFFER, .buf = N_IDS, .off = 128, .len = 64),
    CASE(11, DROP_BAD_BUFFER, .buf = N_IDS + 1, .len = 64),
    CASE(12, DROP_BAD_BUFFER, .buf = 0x80000000, .len = 64),
    CASE(13, DROP_BAD_BUFFER, .buf = UINT32_MAX, .len = 64),
    CASE(14, DROP_BAD_BUFFER, .buf = HOLE, .off = 128, .len = 64),
    CASE(15, DROP_BAD_BUFFER, .buf = 0x10000 + MINE, .len = 64),

    /* Somebody else's. */
    CASE(20, DROP_NOT_OWNER, .buf = HOSTS, .off = 128, .len = 64),
    CASE(21, DROP_NOT_OWNER, .buf = OTHERS, .off = 128, .len = 64),
    CASE(22, DROP_NOT_OWNER, .buf = 0, .off = 128, .len = 64),

    /* Bits that must be zero. */
    CASE(30, DROP_RESERVED, .buf = MINE, .len = 64, .flags = 1),
    CASE(31, DROP_RESERVED, .buf = MINE, .len = 64, .flags = 0x80),
    CASE(32, DROP_RESERVED, .buf = MINE, .len = 64, .reserved = 1),
    CASE(33, DROP_RESERVED, .buf = MINE, .len = 64, .reserved = 0x100),
    CASE(34, DROP_RESERVED, .buf = MINE, .len = 64, .reserved = 0x8000),

    /* Verdicts. */
    CASE(40, DROP_BY_NF, .buf = MINE, .off = 128, .len = 64,
         .verdict = VHC_DROP),
    CASE(41, NO_DROP, .buf = MINE, .off = 128, .len = 64,
         .verdict = VHC_LOCAL),
    CASE(45, DROP_RX_SHORT, .buf = MINE, .off = 128, .len = 13,
         .verdict = VHC_LOCAL),
    CASE(46, DROP_OUTSIDE, .buf = MINE, .off = ROOM - 63, .len = 64,
         .verdict = VHC_LOCAL),
    CASE(42, DROP_BAD_VERDICT, .buf = MINE, .len = 64, .verdict = 3),
    CASE(43, DROP_BAD_VERDICT, .buf = MINE, .len = 64, .verdict = 255),
    CASE(44, DROP_BY_NF, .buf = MINE, .verdict = VHC_DROP), /* Empty. */

    /* Lengths. */
    CASE(50, DROP_RX_SHORT, .buf = MINE, .off = 128, .len = 0),
    CASE(51, DROP_RX_SHORT, .buf = MINE, .off = 128, .len = 1),
    CASE(52, DROP_RX_SHORT, .buf = MINE, .off = 128, .len = 13),
    CASE(53, NO_DROP, .buf = MINE, .off = 128, .len = 14),
    CASE(54, NO_DROP, .buf = MINE, .off = 128, .len = MAX_LEN),
    CASE(55, DROP_RX_LONG, .buf = MINE, .off = 128, .len = MAX_LEN + 1),
    CASE(56, DROP_RX_LONG, .buf = MINE, .off = 0, .len = UINT16_MAX),
    CASE(57, DROP_RX_LONG, .buf = MINE, .off = 0, .len = 0x8000),

    /* Where the data lies. */
    CASE(60, NO_DROP, .buf = MINE, .off = ROOM - 14, .len = 14),
    CASE(61, DROP_OUTSIDE, .buf = MINE, .off = ROOM - 13, .len = 14),
    CASE(62, NO_DROP, .buf = MINE, .off = ROOM - MAX_LEN, .len = MAX_LEN),
    CASE(63, DROP_OUTSIDE, .buf = MINE, .off = ROOM - MAX_LEN + 1,
         .len = MAX_LEN),
    CASE(64, DROP_OUTSIDE, .buf = MINE, .off = ROOM, .len = 14),
    CASE(65, DROP_OUTSIDE, .buf = MINE, .off = UINT16_MAX, .len = 14),
    CASE(66, DROP_OUTSIDE, .buf = MINE, .off = 65522, .len = 14),
    CASE(67, DROP_OUTSIDE, .buf = MINE, .off = UINT16_MAX,
         .len = MAX_LEN),   /* Their sum wraps in 16 bits. */

    /* Several faults: whose buffer it is comes first. */
    CASE(70, DROP_BAD_BUFFER, .buf = UINT32_MAX, .off = UINT16_MAX,
         .len = UINT16_MAX, .flags = 255, .verdict = 255,
         .reserved = UINT16_MAX),
    CASE(71, DROP_NOT_OWNER, .buf = OTHERS, .off = UINT16_MAX,
         .verdict = 255, .flags = 255, .reserved = UINT16_MAX),
    CASE(72, DROP_NOT_OWNER, .buf = HOSTS, .verdict = VHC_DROP),
    CASE(73, DROP_BAD_BUFFER, .buf = HOLE, .verdict = VHC_DROP),
    CASE(74, DROP_RESERVED, .buf = MINE, .flags = 1,
         .verdict = VHC_DROP),
    CASE(75, DROP_RX_SHORT, .buf = MINE, .off = ROOM, .len = 13),
    CASE(76, DROP_RX_LONG, .buf = MINE, .off = ROOM, .len = MAX_LEN + 1),
};

static void
test_table(void **state)
{

    (void) state;
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        enum vhc_drop drop = vhc_desc_check(&descriptors[i].desc, &limits);

        if (drop != descriptors[i].want) {
            fail_msg("case %d: %s, not %s", descriptors[i].number,
                     drop ? vhc_drop_name(drop) : "no drop",
                     descriptors[i].name);
        }
    }
}

static void
test_verdicts(void **state)
{
    (void) state;
    for (int verdict = 0; verdict <= UINT8_MAX; verdict++) {
        struct vhc_desc desc = { .buf = MINE, .len = 64, .verdict = verdict };

        assert_int_equal(vhc_desc_check(&desc, &limits),
                         verdict == 0 ? VHC_NO_DROP
                         : verdict == 1 ? VHC_DROP_BY_NF
                         : verdict == 2 ? VHC_NO_DROP
                         : VHC_DROP_BAD_VERDICT);
    }
}

/* Each id, in range or not. */
static void
test_ids(void **state)
{
    (void) state;
    for (uint32_t id = 0; id < 2 * N_IDS; id++) {
        struct vhc_desc desc = { .buf = id, .off = 128, .len = 64 };

        assert_int_equal(vhc_desc_check(&desc, &limits),
                         id == MINE || id == LAST ? VHC_NO_DROP
                         : id >= N_IDS || id == HOLE ? VHC_DROP_BAD_BUFFER
                         : VHC_DROP_NOT_OWNER);
    }
}

/* While it is nobody's turn to take buffers, no buffer is good. */
static void
test_nobody(void **state)
{
    struct vhc_limits nobodys = limits;

    (void) state;
    nobodys.slot = VHC_OWNER_NOBODY;
    for (uint32_t id = 0; id < 2 * N_IDS; id++) {
        struct vhc_desc desc = { .buf = id, .off = 128, .len = 64 };

        assert_int_equal(vhc_desc_check(&desc, &nobodys),
                         id >= N_IDS || id == HOLE ? VHC_DROP_BAD_BUFFER
                         : VHC_DROP_NOT_OWNER);
    }
}

/* Each offset with each length around each limit: exactly those that lie in
 * the buffer, and are neither too short nor too long, are good. */
static void
test_extent(void **state)
{
    static const uint16_t lengths[] = {
        0, 13, 14, 15, 64, MAX_LEN - 1, MAX_LEN, MAX_LEN + 1, ROOM, ROOM + 1,
        0x7fff, 0x8000, UINT16_MAX
    };

    (void) state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (uint32_t off = 0; off <= UINT16_MAX; off++) {
            struct vhc_desc desc = {
                .buf = MINE, .off = off, .len = lengths[i]
            };
            bool good = lengths[i] >= 14 && lengths[i] <= MAX_LEN
                        && off <= (uint32_t) (ROOM - lengths[i]);

            if ((vhc_desc_check(&desc, &limits) == VHC_NO_DROP) != good) {
                fail_msg("off %u, len %u", off, lengths[i]);
            }
        }
    }
}

/* The caller frees the buffer from VHC_DROP_RESERVED on. */
static void
test_order(void **state)
{
    (void) state;
    assert_int_equal(VHC_NO_DROP, 0);
    for (int drop = VHC_NO_DROP + 1; drop < VHC_N_DROPS; drop++) {
        bool not_mine = drop == VHC_DROP_BAD_BUFFER
                        || drop == VHC_DROP_NOT_OWNER;

        assert_int_equal(drop < VHC_DROP_RESERVED, not_mine);
    }
}

/* Names are keys of JSON objects and of OVSDB maps. */
static void
test_names(void **state)
{
    (void) state;
    assert_null(vhc_drop_name(VHC_NO_DROP));
    assert_null(vhc_drop_name(VHC_N_DROPS));
    assert_null(vhc_drop_name((enum vhc_drop) 1000));
    for (int i = VHC_NO_DROP + 1; i < VHC_N_DROPS; i++) {
        const char *name = vhc_drop_name(i);

        assert_non_null(name);
        assert_true(strlen(name) > 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(name));
        for (int j = VHC_NO_DROP + 1; j < i; j++) {
            assert_string_not_equal(name, vhc_drop_name(j));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_extent),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
