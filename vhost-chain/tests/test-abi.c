/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The shared ABI against literal numbers: what a peer that was built from
 * another version of the header, or by another compiler, relies on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vhc/abi.h"
#include "vhc/ring.h"

/* A field as it is, and as it must be; both in bytes. */
struct field {
    const char *name;
    size_t offset, size;
    size_t want_offset, want_size;
};

#define FIELD(TYPE, NAME, OFFSET, SIZE)                                     \
    { #TYPE "." #NAME, offsetof(struct TYPE, NAME),                         \
      sizeof ((struct TYPE *) NULL)->NAME, OFFSET, SIZE }

/* Checks 'n' fields, which must be all of a struct of 'size' bytes, in order:
 * what one leaves over the next takes, so that there is no padding. */
static void
check_fields(const struct field *fields, size_t n, size_t size)
{
    size_t end = 0;

    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];

        if (f->offset != f->want_offset || f->size != f->want_size) {
            fail_msg("%s: %zu bytes at %zu, should be %zu at %zu", f->name,
                     f->size, f->offset, f->want_size, f->want_offset);
        }
        if (f->offset != end) {
            fail_msg("%s: padding before it, from %zu to %zu", f->name, end,
                     f->offset);
        }
        end += f->size;
    }
    assert_int_equal(end, size);
}

#define CHECK_FIELDS(FIELDS, SIZE) \
    check_fields(FIELDS, sizeof FIELDS / sizeof FIELDS[0], SIZE)

static void
test_pool_sb(void **state)
{
    static const struct field fields[] = {
        FIELD(vhc_pool_sb, magic, 0, 8),
        FIELD(vhc_pool_sb, abi_version, 8, 4),
        FIELD(vhc_pool_sb, features, 12, 4),
        FIELD(vhc_pool_sb, uuid, 16, 16),
        FIELD(vhc_pool_sb, name, 32, 64),
        FIELD(vhc_pool_sb, size, 96, 8),
        FIELD(vhc_pool_sb, page_size, 104, 8),
        FIELD(vhc_pool_sb, direct_off, 112, 8),
        FIELD(vhc_pool_sb, direct_size, 120, 8),
        FIELD(vhc_pool_sb, stride, 128, 4),
        FIELD(vhc_pool_sb, id_shift, 132, 4),
        FIELD(vhc_pool_sb, n_ids, 136, 4),
        FIELD(vhc_pool_sb, n_buffers, 140, 4),
        FIELD(vhc_pool_sb, headroom, 144, 4),
        FIELD(vhc_pool_sb, buffer_size, 148, 4),
        FIELD(vhc_pool_sb, reserved, 152, 88),
    };

    (void) state;
    CHECK_FIELDS(fields, 240);
    assert_int_equal(sizeof(struct vhc_pool_sb), 240);
}

static void
test_desc(void **state)
{
    static const struct field fields[] = {
        FIELD(vhc_desc, buf, 0, 4),
        FIELD(vhc_desc, off, 4, 2),
        FIELD(vhc_desc, len, 6, 2),
        FIELD(vhc_desc, mark, 8, 4),
        FIELD(vhc_desc, verdict, 12, 1),
        FIELD(vhc_desc, flags, 13, 1),
        FIELD(vhc_desc, reserved, 14, 2),
    };

    (void) state;
    CHECK_FIELDS(fields, 16);
    assert_int_equal(sizeof(struct vhc_desc), 16);
}

static void
test_ring(void **state)
{
    static const struct field fields[] = {
        FIELD(vhc_ring, prod, 0, 4),
        FIELD(vhc_ring, pad0, 4, 124),
        FIELD(vhc_ring, cons, 128, 4),
        FIELD(vhc_ring, pad1, 132, 124),
    };

    (void) state;
    CHECK_FIELDS(fields, 256);
    assert_int_equal(offsetof(struct vhc_ring, desc), 256);
    assert_int_equal(sizeof(struct vhc_ring), 256);
}

static void
test_ctrl_host(void **state)
{
    static const struct field fields[] = {
        FIELD(vhc_ctrl_host, magic, 0, 8),
        FIELD(vhc_ctrl_host, abi_version, 8, 4),
        FIELD(vhc_ctrl_host, features, 12, 4),
        FIELD(vhc_ctrl_host, size, 16, 8),
        FIELD(vhc_ctrl_host, n_queues, 24, 4),
        FIELD(vhc_ctrl_host, ring_size, 28, 4),
        FIELD(vhc_ctrl_host, ring_bytes, 32, 4),
        FIELD(vhc_ctrl_host, rings_off, 36, 4),
        FIELD(vhc_ctrl_host, pool_uuid, 40, 16),
        FIELD(vhc_ctrl_host, pool_name, 56, 64),
        FIELD(vhc_ctrl_host, port_name, 120, 64),
        FIELD(vhc_ctrl_host, reserved0, 184, 64),
        FIELD(vhc_ctrl_host, token, 248, 8),
        FIELD(vhc_ctrl_host, answer, 256, 4),
        FIELD(vhc_ctrl_host, state, 260, 4),
        FIELD(vhc_ctrl_host, reason, 264, 4),
        FIELD(vhc_ctrl_host, generation, 268, 4),
        FIELD(vhc_ctrl_host, access, 272, 4),
        FIELD(vhc_ctrl_host, credits, 276, 4),
        FIELD(vhc_ctrl_host, max_len, 280, 4),
        FIELD(vhc_ctrl_host, reserved1, 284, 36),
        FIELD(vhc_ctrl_host, tick, 320, 4),
        FIELD(vhc_ctrl_host, reserved2, 324, 60),
        FIELD(vhc_ctrl_host, wake_seq, 384, 4),
        FIELD(vhc_ctrl_host, reserved3, 388, 60),
    };

    (void) state;
    CHECK_FIELDS(fields, 448);
    assert_int_equal(sizeof(struct vhc_ctrl_host), 448);
}

static void
test_ctrl_nf(void **state)
{
    static const struct field fields[] = {
        FIELD(vhc_ctrl_nf, request, 0, 4),
        FIELD(vhc_ctrl_nf, abi_version, 4, 4),
        FIELD(vhc_ctrl_nf, features, 8, 4),
        FIELD(vhc_ctrl_nf, n_queues, 12, 4),
        FIELD(vhc_ctrl_nf, pool_uuid, 16, 16),
        FIELD(vhc_ctrl_nf, fill_level, 32, 4),
        FIELD(vhc_ctrl_nf, pid, 36, 4),
        FIELD(vhc_ctrl_nf, peer_token, 40, 8),
        FIELD(vhc_ctrl_nf, reserved0, 48, 16),
        FIELD(vhc_ctrl_nf, name, 64, 64),
        FIELD(vhc_ctrl_nf, need_wakeup, 128, 4),
        FIELD(vhc_ctrl_nf, reserved1, 132, 60),
        FIELD(vhc_ctrl_nf, tick, 192, 4),
        FIELD(vhc_ctrl_nf, reserved2, 196, 60),
    };

    (void) state;
    CHECK_FIELDS(fields, 256);
    assert_int_equal(sizeof(struct vhc_ctrl_nf), 256);
}

static void
test_constants(void **state)
{
    static const struct {
        const char *name;
        uint64_t value, want;
    } cases[] = {
#define CASE(NAME, WANT) { #NAME, NAME, WANT }
        CASE(VHC_ABI_VERSION, 1),
        CASE(VHC_CACHE_LINE, 64),
        CASE(VHC_NAME_SIZE, 64),
        CASE(VHC_UUID_SIZE, 16),
        CASE(VHC_MAX_QUEUES, 16),
        CASE(VHC_MIN_FRAME, 14),
        CASE(VHC_CTRL_NF_OFF, 4096),
        CASE(VHC_RINGS_OFF, 8192),
        CASE(VHC_FORWARD, 0),
        CASE(VHC_DROP, 1),
        CASE(VHC_LOCAL, 2),
        CASE(VHC_N_VERDICTS, 3),
        CASE(VHC_RX, 0),
        CASE(VHC_TX, 1),
        CASE(VHC_FILL, 2),
        CASE(VHC_N_RINGS, 3),
        CASE(VHC_DETACHED, 0),
        CASE(VHC_ATTACHED, 1),
        CASE(VHC_REFUSED, 2),
        CASE(VHC_READ_WRITE, 0),
        CASE(VHC_READ_ONLY, 1),
        CASE(VHC_REASON_NONE, 0),
        CASE(VHC_REASON_ABI, 1),
        CASE(VHC_REASON_POOL, 2),
        CASE(VHC_REASON_FEATURES, 3),
        CASE(VHC_REASON_QUEUES, 4),
        CASE(VHC_REASON_PEER, 5),
        CASE(VHC_REASON_INDICES, 6),
        CASE(VHC_REASON_RESERVED, 7),
        CASE(VHC_REASON_CORRUPT, 8),
        CASE(VHC_REASON_CLOSED, 9),
        CASE(VHC_REASON_REPLACED, 10),
        CASE(VHC_REASON_GONE, 11),
        CASE(VHC_REASON_LEFT, 12),
        CASE(VHC_REASON_LOST, 13),
        CASE(VHC_REASON_VM_GONE, 14),
        CASE(VHC_REASON_VM_STOPPED, 15),
        CASE(VHC_REASON_STALLED, 16),
        CASE(VHC_N_REASONS, 17),
        CASE(VHC_NF_F_LOCK, 1),
        CASE(VHC_NF_F_FUTEX, 2),
        CASE(VHC_NF_F_FRAME, 4),
        CASE(VHC_WAKE_ETHERTYPE, 0x88b6),
        CASE(VHC_NF_F_ALL, 7),
        CASE(VHC_LOCK_NF, 0),
        CASE(VHC_LOCK_HOST, 1),
#undef CASE
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].value != cases[i].want) {
            fail_msg("%s changed from %llu to %llu", cases[i].name,
                     (unsigned long long) cases[i].want,
                     (unsigned long long) cases[i].value);
        }
    }
}

/* As they lie in the file, whatever the machine. */
static void
test_magics(void **state)
{
    uint64_t pool = VHC_POOL_MAGIC;
    uint64_t ring = VHC_RING_MAGIC;

    (void) state;
    assert_memory_equal(&pool, "VHCPOOL", 8);
    assert_memory_equal(&ring, "VHCRING", 8);
}

static void
test_ring_bytes(void **state)
{
    static const struct {
        uint32_t size, want;    /* Entries, bytes. */
    } cases[] = {
        { 1, 272 },
        { 2, 288 },
        { 64, 1280 },
        { 256, 4352 },
        { 1024, 16640 },
        { 32768, 524544 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(vhc_ring_bytes(cases[i].size), cases[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_sb),
        cmocka_unit_test(test_desc),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_ctrl_host),
        cmocka_unit_test(test_ctrl_nf),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_magics),
        cmocka_unit_test(test_ring_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
