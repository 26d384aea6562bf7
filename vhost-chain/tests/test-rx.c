/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* From the NF to the switch: what a port makes of what an NF hands over. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eal.h"
#include "pool-private.h"
#include "rig.h"

static void
test_packets(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[32];
    struct rte_mbuf *mbufs[32];
    struct vhc_port_stats stats;

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(descs, 32, 64);
    for (int i = 0; i < 32; i++) {
        descs[i].mark = 0x80000000 + i;
        memset(fake_nf_data(&rig.nf, &descs[i]), 0xc0 + i, 64);
    }
    rig_check_account(32, 0);
    fake_nf_put(&rig.nf, 0, descs, 32);
    assert_int_equal(rig_rx(mbufs), 32);
    rig_check_account(0, 32);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(rte_pktmbuf_headroom(mbufs[i]), 128);
        rig_check_packet(mbufs[i], 64, 0xc0 + i, 0x80000000 + i);
    }
    rig_check_account(0, 0);
    assert_int_equal(rig_rx(mbufs), 0);

    stats = rig_stats();
    assert_int_equal(stats.rx_packets, 32);
    assert_int_equal(stats.rx_bytes, 32 * 64);
    assert_int_equal(stats.rx_moved, 0);
    rig_check_drops(VHC_NO_DROP, 0);
}

/* No more than asked for, and no more than 32. */
static void
test_burst(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[50];
    struct rte_mbuf *mbufs[64];

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(descs, 50, 64);
    fake_nf_put(&rig.nf, 0, descs, 50);
    assert_int_equal(vhc_port_rx(rig.port, 0, mbufs, 0), 0);
    assert_int_equal(vhc_port_rx(rig.port, 0, mbufs, 1), 1);
    rte_pktmbuf_free(mbufs[0]);
    assert_int_equal(vhc_port_rx(rig.port, 0, mbufs, 64), 32);
    rte_pktmbuf_free_bulk(mbufs, 32);
    assert_int_equal(vhc_port_rx(rig.port, 0, mbufs, 64), 17);
    rte_pktmbuf_free_bulk(mbufs, 17);
    rig_check_account(0, 0);
}

/* The NF changed where the packet starts and ends: there is room again, and
 * it is the packet that was there. */
static void
test_room(void **state)
{
    static const struct {
        int number;
        uint16_t off, len;
        bool moved;
        uint16_t want;          /* Headroom. */
    } cases[] = {
        { 1, 128, 64, false, 128 },
        { 2, 129, 64, true, 128 },
        { 3, 127, 64, true, 128 },
        { 4, 0, 14, true, 128 },
        { 5, 0, 1518, true, 128 },
        { 6, 1, 1518, true, 128 },
        { 7, 2240 - 64 - 64, 64, false, 2240 - 64 - 64 },
        { 8, 2240 - 64 - 63, 64, true, 128 },
        { 9, 2240 - 14, 14, true, 128 },
        { 10, 2240 - 1518, 1518, true, 128 },
        { 11, 2240 - 64 - 1518, 1518, false, 2240 - 64 - 1518 },
        { 12, 130, 65, false, 130 },
        { 13, 131, 1518, true, 128 },
    };
    struct vhc_port_config config = rig_config();
    uint64_t n_moved = 0;

    (void) state;
    rig_attach(&config, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_desc desc;
        struct rte_mbuf *m;

        rig_give(&desc, 1, 64);
        desc.off = 0;
        memset(fake_nf_data(&rig.nf, &desc), 0xee, 2240);
        desc.off = cases[i].off;
        desc.len = cases[i].len;
        memset(fake_nf_data(&rig.nf, &desc), i, desc.len);
        fake_nf_put(&rig.nf, 0, &desc, 1);
        assert_int_equal(rig_rx(&m), 1);
        n_moved += cases[i].moved;
        if (rte_pktmbuf_headroom(m) != cases[i].want
            || rig_stats().rx_moved != n_moved) {
            fail_msg("case %d: headroom %u", cases[i].number,
                     rte_pktmbuf_headroom(m));
        }
        rig_check_packet(m, desc.len, i, 0);
    }
    rig_check_account(0, 0);
}

/* A descriptor of a buffer that is the port's, as 'rig_give' left it but for
 * what is wrong with it. */
static const struct {
    enum vhc_drop drop;
    struct vhc_desc desc;       /* 'buf' is filled in. */
} bad[] = {
    { VHC_DROP_RESERVED, { .off = 128, .len = 64, .flags = 1 } },
    { VHC_DROP_RESERVED, { .off = 128, .len = 64, .reserved = 1 } },
    { VHC_DROP_BAD_VERDICT, { .off = 128, .len = 64, .verdict = 3 } },
    { VHC_DROP_RX_SHORT, { .off = 128, .len = 13 } },
    { VHC_DROP_RX_LONG, { .off = 128, .len = RIG_MAX_LEN + 1 } },
    { VHC_DROP_OUTSIDE, { .off = 2240 - 63, .len = 64 } },
    { VHC_DROP_BY_NF, { .off = 128, .len = 64, .verdict = VHC_DROP } },
    { VHC_DROP_NO_LOCAL, { .off = 128, .len = 64, .verdict = VHC_LOCAL } },
};

/* Counted, and the buffer goes back to the pool at once. */
static void
test_drops_that_free(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    rig_attach(&config, 0, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t before = rig_drops(bad[i].drop);
        struct vhc_desc desc = bad[i].desc;
        struct vhc_desc given;
        struct rte_mbuf *m;

        rig_give(&given, 1, 64);
        desc.buf = given.buf;
        rig_check_account(1, 0);
        fake_nf_put(&rig.nf, 0, &desc, 1);
        assert_int_equal(rig_rx(&m), 0);
        assert_int_equal(rig_drops(bad[i].drop), before + 1);
        rig_check_account(0, 0);
    }
    assert_int_equal(rig_stats().rx_packets, 0);
}

/* Counted, and nothing happens to the buffer, whoever has it. */
static void
test_drops_that_keep(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc mine, desc, descs[6];
    struct rte_mbuf *in_switch, *m;
    uint32_t free_id = 200;     /* Of nobody, if not one of these. */

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(&mine, 1, 64);
    in_switch = rig_packet(vhc_pool_mempool(rig.pool), 64, 'x', 0);
    desc = mine;
    for (size_t i = 0; i < 6; i++) {
        descs[i] = desc;
    }
    descs[0].buf = vhc_pool_id(rig.pool, in_switch);
    while (free_id == descs[0].buf || free_id == mine.buf) {
        free_id++;
    }
    descs[1].buf = free_id;
    descs[2].buf = 0;           /* The superblock. */
    descs[3].buf = 1000;        /* In the gap at the end of a page. */
    descs[4].buf = 2048;        /* The first that is none. */
    descs[5].buf = UINT32_MAX;
    fake_nf_put(&rig.nf, 0, descs, 6);
    assert_int_equal(rig_rx(&m), 0);
    assert_int_equal(rig_drops(VHC_DROP_NOT_OWNER), 2);
    assert_int_equal(rig_drops(VHC_DROP_BAD_BUFFER), 4);
    rig_check_account(1, 1);

    /* The port can still use its own, once. */
    descs[0] = descs[1] = mine;
    fake_nf_put(&rig.nf, 0, descs, 2);
    assert_int_equal(rig_rx(&m), 1);
    assert_int_equal(rig_drops(VHC_DROP_NOT_OWNER), 3);
    rig_check_account(0, 2);
    rig_check_packet(m, 64, 0, 0);
    rig_check_packet(in_switch, 64, 'x', 0);
}

/* Good ones between bad ones arrive, in order. */
static void
test_mixed(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[32];
    struct rte_mbuf *mbufs[32];
    unsigned n = 0;

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(descs, 32, 64);
    for (int i = 0; i < 32; i++) {
        descs[i].mark = i;
        descs[i].verdict = i % 3 == 1 ? VHC_DROP : VHC_FORWARD;
    }
    fake_nf_put(&rig.nf, 0, descs, 32);
    assert_int_equal(rig_rx(mbufs), 21);
    for (int i = 0; i < 32; i++) {
        if (i % 3 != 1) {
            rig_check_packet(mbufs[n++], 64, i, i);
        }
    }
    rig_check_drops(VHC_DROP_BY_NF, 11);
    assert_int_equal(rig_stats().rx_packets, 21);
    rig_check_account(0, 0);
}

/* An NF that makes packets gets empty buffers, refilled when half of them are
 * used, and sends from them. */
static void
test_fill(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[32];
    struct rte_mbuf *mbufs[32];

    (void) state;
    rig_attach(&config, 0, 16);
    assert_int_equal(fake_nf_get_empty(&rig.nf, 0, descs, 32), 0);
    assert_int_equal(rig_rx(mbufs), 0);
    rig_check_account(16, 0);
    assert_int_equal(rig_rx(mbufs), 0); /* Enough. */
    rig_check_account(16, 0);

    assert_int_equal(fake_nf_get_empty(&rig.nf, 0, descs, 7), 7);
    assert_int_equal(rig_rx(mbufs), 0); /* Still more than half. */
    rig_check_account(16, 0);
    assert_int_equal(fake_nf_get_empty(&rig.nf, 0, &descs[7], 1), 1);
    assert_int_equal(rig_rx(mbufs), 0); /* Half. */
    rig_check_account(24, 0);

    for (int i = 0; i < 8; i++) {
        assert_int_equal(descs[i].off, 128);
        assert_int_equal(descs[i].len, 0);
        descs[i].len = 100 + i;
        descs[i].mark = i;
        memset(fake_nf_data(&rig.nf, &descs[i]), i, descs[i].len);
    }
    fake_nf_put(&rig.nf, 0, descs, 8);
    assert_int_equal(rig_rx(mbufs), 8);
    rig_check_account(16, 8);
    for (int i = 0; i < 8; i++) {
        rig_check_packet(mbufs[i], 100 + i, i, i);
    }
    rig_check_drops(VHC_NO_DROP, 0);
}

/* A greedy one gets as many as its ring holds and its credit allows. */
static void
test_fill_limits(void **state)
{
    static const struct {
        uint32_t fill_level, credits, want;
    } cases[] = {
        { 1, 100, 1 },
        { 32, 100, 32 },
        { RIG_RING_SIZE, 100, RIG_RING_SIZE },
        { UINT32_MAX, 100, RIG_RING_SIZE },
        { UINT32_MAX, 40, 40 },
        { UINT32_MAX, 1, 1 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_port_config config = rig_config();
        struct rte_mbuf *mbufs[32];

        config.credits = cases[i].credits;
        rig_attach(&config, 0, cases[i].fill_level);
        for (int j = 0; j < 5; j++) {
            assert_int_equal(rig_rx(mbufs), 0);
        }
        rig_check_account(cases[i].want, 0);
        vhc_port_close(rig.port, true);
        rig.port = NULL;
        fake_nf_close(&rig.nf);
        rig.nf.host = NULL;
        assert_int_equal(sandbox_account(rig.pool).owned, 0);
    }
}

/* Nobody there: nothing is read, whatever stands in the ring. */
static void
test_detached(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];
    struct vhc_desc desc;

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(&desc, 1, 64);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(rig_rx(mbufs), 0);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(rig_rx(mbufs), 0);
    rig_check_account(0, 0);
    rig_check_drops(VHC_NO_DROP, 0);
}

/* A smaller MTU counts from the next packet on. */
static void
test_max_len(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[2];
    struct rte_mbuf *mbufs[2];

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(descs, 2, 101);
    vhc_port_set_max_len(rig.port, 100);
    assert_int_equal(rig.nf.host->max_len, 100);
    descs[1].len = 100;
    fake_nf_put(&rig.nf, 0, descs, 2);
    assert_int_equal(rig_rx(mbufs), 1);
    rig_check_packet(mbufs[0], 100, 1, 0);
    rig_check_drops(VHC_DROP_RX_LONG, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_packets),
        TEST(test_burst),
        TEST(test_room),
        TEST(test_drops_that_free),
        TEST(test_drops_that_keep),
        TEST(test_mixed),
        TEST(test_fill),
        TEST(test_fill_limits),
        TEST(test_detached),
        TEST(test_max_len),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
