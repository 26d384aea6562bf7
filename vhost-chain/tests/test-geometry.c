/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Where the buffers of pools of all sizes lie: arithmetic, no memory. */

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "geometry.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static const struct {
    int number;
    uint64_t size, page_size;   /* Bytes. */
    uint32_t buffer_size;       /* Bytes. */

    uint32_t stride, per_page, id_shift;
    uint64_t reserved;          /* Bytes before the first buffer, at least. */
    uint32_t n_buffers;
} good[] = {
    /* The reserved region is a part of the first page. */
    { 1, 4 * MIB, 2 * MIB, 2048, 2240, 936, 10, 256 * KIB, 1754 },
    { 2, 4 * MIB, 2 * MIB, 64, 320, 6553, 13, 256 * KIB, 12286 },
    { 3, 4 * MIB, 2 * MIB, 32768, 32960, 63, 6, 256 * KIB, 118 },
    { 4, 8 * MIB, 2 * MIB, 2048, 2240, 936, 10, 512 * KIB, 3509 },
    { 5, 16 * MIB, 2 * MIB, 1518, 1728, 1213, 11, MIB, 9097 },

    /* It is the first page. */
    { 10, 32 * MIB, 2 * MIB, 2048, 2240, 936, 10, 2 * MIB, 14040 },
    { 11, 64 * MIB, 2 * MIB, 2048, 2240, 936, 10, 2 * MIB, 29016 },
    { 12, 64 * MIB, 2 * MIB, 9018, 9280, 225, 8, 2 * MIB, 6975 },
    { 13, GIB, 2 * MIB, 2048, 2240, 936, 10, 2 * MIB, 478296 },
    { 14, 64 * GIB, 2 * MIB, 64, 320, 6553, 13, 2 * MIB, 214722151 },

    /* Pages of 1 GiB. */
    { 20, 2 * GIB, GIB, 2048, 2240, 479349, 19, 2 * MIB, 957761 },
    { 21, 16 * GIB, GIB, 9018, 9280, 115704, 17, 2 * MIB, 1851038 },
    { 22, 512 * GIB, GIB, 64, 320, 3355443, 22, 2 * MIB, 1717980262 },
    { 23, 8 * GIB, GIB, 32768, 32960, 32577, 15, 2 * MIB, 260552 },

    /* Strides: an even number of lines gets one more. */
    { 30, 4 * MIB, 2 * MIB, 128, 320, 6553, 13, 256 * KIB, 12286 },
    { 31, 4 * MIB, 2 * MIB, 129, 448, 4681, 13, 256 * KIB, 8776 },
    { 32, 4 * MIB, 2 * MIB, 256, 448, 4681, 13, 256 * KIB, 8776 },
    { 33, 4 * MIB, 2 * MIB, 257, 576, 3640, 12, 256 * KIB, 6824 },
};

#define N_GOOD (sizeof good / sizeof good[0])

static void
init(struct vhc_geometry *g, size_t i)
{
    char *message = NULL;
    int error = vhc_geometry_init(g, good[i].size, good[i].page_size,
                                  good[i].buffer_size, &message);

    if (error) {
        fail_msg("case %d: %s", good[i].number, message);
    }
    assert_null(message);
}

static void
check(int number, const char *what, uint64_t value, uint64_t want)
{
    if (value != want) {
        fail_msg("case %d: %s is %"PRIu64", not %"PRIu64, number, what,
                 value, want);
    }
}

static void
test_table(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_GOOD; i++) {
        int number = good[i].number;
        struct vhc_geometry g;

        init(&g, i);
        check(number, "size", g.size, good[i].size);
        check(number, "page_size", g.page_size, good[i].page_size);
        check(number, "page_shift", UINT64_C(1) << g.page_shift,
              good[i].page_size);
        check(number, "direct_off", g.direct_off, 4096);
        check(number, "direct_size", g.direct_size, good[i].reserved - 4096);
        check(number, "stride", g.stride, good[i].stride);
        check(number, "per_page", g.per_page, good[i].per_page);
        check(number, "id_shift", g.id_shift, good[i].id_shift);
        check(number, "n_ids", g.n_ids,
              good[i].size / good[i].page_size << good[i].id_shift);
        check(number, "n_buffers", g.n_buffers, good[i].n_buffers);
        check(number, "buffer_size", g.buffer_size, good[i].buffer_size);
    }
}

/* A stride is as DESIGN wants it: an odd number of cache lines, with room for
 * a frame, headroom and tailroom, and at most two lines more than that. */
static void
test_strides(void **state)
{
    (void) state;
    for (uint32_t size = VHC_MIN_BUFFER_SIZE; size <= VHC_MAX_BUFFER_SIZE;
         size++) {
        struct vhc_geometry g;

        assert_int_equal(vhc_geometry_init(&g, 4 * MIB, 2 * MIB, size, NULL),
                         0);
        assert_int_equal(g.stride % 128, 64);
        assert_true(g.stride >= 128 + size + 64);
        assert_true(g.stride < 128 + size + 64 + 128);
        assert_true(g.per_page <= UINT32_C(1) << g.id_shift);
    }
}

/* Checks buffer or hole 'id' and returns true if it is a buffer. */
static bool
check_id(const struct vhc_geometry *g, uint32_t id)
{
    uint64_t off, page;

    if (!vhc_geometry_is_buffer(g, id)) {
        return false;
    }
    off = vhc_geometry_offset(g, id);
    page = off / g->page_size;
    if (off < g->direct_off + g->direct_size || off + g->stride > g->size
        || (off + g->stride - 1) / g->page_size != page
        || (off - page * g->page_size) % g->stride
        || id >> g->id_shift != page
        || vhc_geometry_id(g, off) != id) {
        fail_msg("size %"PRIu64", stride %u: id %u at %"PRIu64" came back as "
                 "%u", g->size, g->stride, id, off, vhc_geometry_id(g, off));
    }
    return true;
}

/* Every id of pools that are small enough for that. */
static void
test_every_id(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_GOOD; i++) {
        struct vhc_geometry g;
        uint32_t n = 0;

        init(&g, i);
        if (g.n_ids > 1 << 22) {
            continue;
        }
        for (uint32_t id = 0; id < g.n_ids; id++) {
            n += check_id(&g, id);
        }
        check(good[i].number, "number of buffer ids", n, good[i].n_buffers);
        for (uint32_t id = g.n_ids; id < g.n_ids + 5000; id++) {
            assert_false(vhc_geometry_is_buffer(&g, id));
        }
        assert_false(vhc_geometry_is_buffer(&g, UINT32_MAX));
    }
}

/* The ids at both ends of pages at both ends of the large ones, and others
 * in between. */
static void
test_some_ids(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_GOOD; i++) {
        struct vhc_geometry g;
        uint32_t n_pages, step;

        init(&g, i);
        n_pages = good[i].size / good[i].page_size;
        step = g.per_page / 1000 + 1;
        for (uint32_t page = n_pages - 1; page > 0; page /= 2) {
            uint32_t first = page << g.id_shift;

            if (page * g.page_size < good[i].reserved) {
                break;
            }
            for (uint32_t j = 0; j < g.per_page; j += step) {
                assert_true(check_id(&g, first + j));
            }
            assert_true(check_id(&g, first + g.per_page - 1));
            if (g.per_page < UINT32_C(1) << g.id_shift) {
                assert_false(check_id(&g, first + g.per_page));
            }
        }
    }
}

/* The first buffer is the first that fits behind the reserved region. */
static void
test_first(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_GOOD; i++) {
        uint64_t reserved = good[i].reserved;
        struct vhc_geometry g;
        uint32_t id;

        init(&g, i);
        id = reserved / g.page_size << g.id_shift | g.first;
        assert_true(check_id(&g, id));
        assert_true(vhc_geometry_offset(&g, id) < reserved + g.stride);
        assert_false(vhc_geometry_is_buffer(&g, 0));
        if (g.first) {
            assert_false(vhc_geometry_is_buffer(&g, id - 1));
        }
    }
}

static void
test_bad(void **state)
{
    static const struct {
        int number;
        uint64_t size, page_size;
        uint32_t buffer_size;
        const char *text;       /* In the message. */
    } bad[] = {
        { 1, 0, 2 * MIB, 2048, "size 0 is not a power of two" },
        { 2, 4 * MIB - 1, 2 * MIB, 2048, "size 4194303" },
        { 3, 4 * MIB + 1, 2 * MIB, 2048, "size 4194305" },
        { 4, 6 * MIB, 2 * MIB, 2048, "at least 4194304 bytes" },
        { 5, 2 * MIB, 2 * MIB, 2048, "at least 4194304 bytes" },
        { 6, 64 * MIB, GIB, 2048, "at least 2147483648 bytes" },
        { 7, GIB, GIB, 2048, "size 1073741824" },
        { 8, UINT64_MAX, 2 * MIB, 2048, "size 18446744073709551615" },
        { 9, 4 * MIB, 2 * MIB, 0, "buffer-size 0 is not between 64" },
        { 10, 4 * MIB, 2 * MIB, 63, "buffer-size 63" },
        { 11, 4 * MIB, 2 * MIB, 32769, "32768" },
        { 12, 4 * MIB, 2 * MIB, UINT32_MAX, "buffer-size 4294967295" },
        { 13, TIB, GIB, 64, "too many buffers" },
        { 14, TIB, 2 * MIB, 64, "larger buffer-size" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vhc_geometry g;
        char *message = NULL;

        if (vhc_geometry_init(&g, bad[i].size, bad[i].page_size,
                              bad[i].buffer_size, &message) != EINVAL
            || !message || !strstr(message, bad[i].text)) {
            fail_msg("case %d: %s", bad[i].number,
                     message ? message : "no message");
        }
        free(message);
        assert_int_equal(vhc_geometry_init(&g, bad[i].size, bad[i].page_size,
                                           bad[i].buffer_size, NULL), EINVAL);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_every_id),
        cmocka_unit_test(test_some_ids),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
