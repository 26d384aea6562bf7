/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* From the switch to the NF: by reference, by copy, or not at all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eal.h"
#include "pool-private.h"
#include "rig.h"

static struct rte_mbuf *
own_packet(unsigned len, int fill, uint32_t mark)
{
    return rig_packet(vhc_pool_mempool(rig.pool), len, fill, mark);
}

/* Takes the next packet from the NF's ring, which must have 'len' bytes, all
 * 'fill', and mark 'mark'. */
static struct vhc_desc
expect_packet(unsigned len, int fill, uint32_t mark)
{
    struct vhc_desc desc;
    const uint8_t *data;

    assert_int_equal(fake_nf_get(&rig.nf, 0, &desc, 1), 1);
    assert_int_equal(desc.len, len);
    assert_int_equal(desc.mark, mark);
    assert_int_equal(desc.verdict, 0);
    assert_int_equal(desc.flags, 0);
    assert_int_equal(desc.reserved, 0);
    data = fake_nf_data(&rig.nf, &desc);
    for (unsigned i = 0; i < len; i++) {
        assert_int_equal(data[i], (uint8_t) fill);
    }
    return desc;
}

static void
check_tx(uint64_t n, uint64_t n_bytes, uint64_t n_copied,
         uint64_t n_copied_bytes)
{
    struct vhc_port_stats stats = rig_stats();

    assert_int_equal(stats.tx_packets, n);
    assert_int_equal(stats.tx_bytes, n_bytes);
    assert_int_equal(stats.tx_by_reference, n - n_copied);
    assert_int_equal(stats.tx_copied, n_copied);
    assert_int_equal(stats.tx_copied_bytes, n_copied_bytes);
}

/* The same buffer, wherever in it the packet starts. */
static void
test_by_reference(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];
    uint32_t ids[32];

    (void) state;
    rig_attach(&config, 0, 0);
    for (int i = 0; i < 32; i++) {
        mbufs[i] = own_packet(200, i, 0xffff0000 + i);
        mbufs[i]->port = 0;     /* Received by a NIC. */
        rte_pktmbuf_adj(mbufs[i], i);
        ids[i] = vhc_pool_id(rig.pool, mbufs[i]);
    }
    assert_int_equal(rig_tx(mbufs, 32), 32);
    rig_check_account(32, 0);
    check_tx(32, 32 * 200 - 31 * 32 / 2, 0, 0);
    for (int i = 0; i < 32; i++) {
        struct vhc_desc desc = expect_packet(200 - i, i, 0xffff0000 + i);

        assert_int_equal(desc.buf, ids[i]);
        assert_int_equal(desc.off, 128 + i);
    }
    rig_check_drops(VHC_NO_DROP, 0);
}

/* Memory that the NF does not map. */
static void
test_outside(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];

    (void) state;
    rig_attach(&config, 0, 0);
    for (int i = 0; i < 32; i++) {
        mbufs[i] = rig_packet(rig.outside, 14 + i * 40, i, i << 16);
    }
    assert_int_equal(rig_tx(mbufs, 32), 32);
    assert_true(rte_mempool_full(rig.outside));
    rig_check_account(32, 0);
    check_tx(32, 32 * 14 + 40 * 31 * 32 / 2, 32,
             32 * 14 + 40 * 31 * 32 / 2);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(expect_packet(14 + i * 40, i, i << 16).off, 128);
    }
}

/* A packet in several pieces becomes one. */
static void
test_segments(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    rig_attach(&config, 0, 0);
    for (int own = 0; own < 2; own++) {
        struct rte_mempool *mp = own ? vhc_pool_mempool(rig.pool)
                                 : rig.outside;
        struct rte_mbuf *head = rig_packet(mp, 500, 's', 7);

        for (int i = 0; i < 2; i++) {
            assert_int_equal(
                rte_pktmbuf_chain(head, rig_packet(mp, 500, 's', 8)), 0);
        }
        assert_int_equal(rig_tx(&head, 1), 1);
        assert_true(rte_mempool_full(rig.outside));
        expect_packet(1500, 's', 7);
    }
    rig_check_account(2, 0);
    check_tx(2, 3000, 2, 3000);
}

/* One that somebody else holds too, as a mirror does, is copied: the NF may
 * write to its own. */
static void
test_shared(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *m, *clone;
    struct vhc_desc desc;

    (void) state;
    rig_attach(&config, 0, 0);
    m = own_packet(64, 'm', 1);
    rte_mbuf_refcnt_update(m, 1);
    assert_int_equal(rig_tx(&m, 1), 1);
    desc = expect_packet(64, 'm', 1);
    assert_int_not_equal(desc.buf, vhc_pool_id(rig.pool, m));
    memset(fake_nf_data(&rig.nf, &desc), 'n', 64);
    rig_check_account(1, 1);
    check_tx(1, 64, 1, 64);

    /* A clone's memory is the pool's, its mbuf is not. */
    clone = rte_pktmbuf_clone(m, rig.outside);
    assert_non_null(clone);
    *rig_mark(clone) = 2;
    assert_int_equal(rig_tx(&clone, 1), 1);
    desc = expect_packet(64, 'm', 2);
    assert_int_not_equal(desc.buf, vhc_pool_id(rig.pool, m));
    rig_check_account(2, 1);
    check_tx(2, 128, 2, 128);
    rig_check_packet(m, 64, 'm', 1);
}

/* Around the ring and back, many times: nothing is lost on the way. */
static void
test_round_trips(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];
    struct vhc_desc descs[32];

    (void) state;
    rig_attach(&config, 0, 0);
    for (int i = 0; i < 32; i++) {
        mbufs[i] = own_packet(64, i, i);
    }
    for (int round = 0; round < 1000; round++) {
        assert_int_equal(rig_tx(mbufs, 32), 32);
        assert_int_equal(fake_nf_get(&rig.nf, 0, descs, 32), 32);
        for (int i = 0; i < 32; i++) {
            descs[i].mark += 0x10000;
        }
        fake_nf_put(&rig.nf, 0, descs, 32);
        assert_int_equal(rig_rx(mbufs), 32);
    }
    rig_check_account(0, 32);
    for (int i = 0; i < 32; i++) {
        rig_check_packet(mbufs[i], 64, i, i + 1000 * 0x10000);
    }
    check_tx(32000, 32000 * 64, 32, 32 * 64); /* Entered the pool once. */
    assert_int_equal(rig_stats().rx_packets, 32000);
    rig_check_drops(VHC_NO_DROP, 0);
}

static void
test_sizes(void **state)
{
    static const struct {
        unsigned len;
        bool good;
    } cases[] = {
        { 0, false }, { 1, false }, { 13, false }, { 14, true },
        { RIG_MAX_LEN, true }, { RIG_MAX_LEN + 1, false }, { 2048, false },
    };
    struct vhc_port_config config = rig_config();
    unsigned n_good = 0, n_bad = 0;

    (void) state;
    rig_attach(&config, 0, 0);
    for (int own = 0; own < 2; own++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct rte_mbuf *m = (own ? own_packet(cases[i].len, 'z', 0)
                                  : rig_packet(rig.outside, cases[i].len,
                                               'z', 0));

            assert_int_equal(rig_tx(&m, 1), cases[i].good);
            n_good += cases[i].good;
            n_bad += !cases[i].good;
            rig_check_account(n_good, 0);
        }
    }
    rig_check_drops(VHC_DROP_TX_SIZE, n_bad);
}

/* Those of a burst that do not fit leave their places to others. */
static void
test_sizes_in_burst(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];

    (void) state;
    config.credits = 16;
    rig_attach(&config, 0, 0);
    for (int i = 0; i < 32; i++) {
        mbufs[i] = own_packet(i % 2 ? 64 : 13, i, i);
    }
    assert_int_equal(rig_tx(mbufs, 32), 16);
    for (int i = 1; i < 32; i += 2) {
        expect_packet(64, i, i);
    }
    rig_check_drops(VHC_DROP_TX_SIZE, 16);
    rig_check_account(16, 0);
}

/* What an NF holds counts, whether it took it from the ring or not. */
static void
test_credit(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];
    struct vhc_desc descs[32];

    (void) state;
    config.credits = 20;
    rig_attach(&config, 0, 0);
    assert_int_equal(rig.nf.host->credits, 20);
    for (int i = 0; i < 32; i++) {
        mbufs[i] = i % 2 ? own_packet(64, i, i)
                   : rig_packet(rig.outside, 64, i, i);
    }
    assert_int_equal(rig_tx(mbufs, 32), 20);
    rig_check_drops(VHC_DROP_NO_CREDIT, 12);
    rig_check_account(20, 0);
    assert_true(rte_mempool_full(rig.outside));

    assert_int_equal(fake_nf_get(&rig.nf, 0, descs, 32), 20);
    mbufs[0] = own_packet(64, 0, 0);
    assert_int_equal(rig_tx(mbufs, 1), 0);
    rig_check_drops(VHC_DROP_NO_CREDIT, 13);

    /* What it gives back may come again. */
    for (int i = 0; i < 3; i++) {
        descs[i].verdict = VHC_DROP;
    }
    fake_nf_put(&rig.nf, 0, descs, 5);
    assert_int_equal(rig_rx(mbufs), 2);
    rte_pktmbuf_free_bulk(mbufs, 2);
    rig_check_account(15, 0);
    for (int i = 0; i < 6; i++) {
        mbufs[i] = own_packet(64, 0, 0);
    }
    assert_int_equal(rig_tx(mbufs, 6), 5);
    rig_check_account(20, 0);
    assert_int_equal(rig_drops(VHC_DROP_NO_CREDIT), 14);
}

/* Each port has its own credit: one that hoards starves only itself. */
static void
test_hoarder(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];
    struct vhc_port *other;

    (void) state;
    config.credits = 32;
    rig_attach(&config, 0, 0);
    config.name = "ids";
    config.credits = 1400;
    other = rig_open(&config);  /* Promised nearly all the rest. */
    for (int i = 0; i < 32; i++) {
        mbufs[i] = own_packet(64, i, i);
    }
    assert_int_equal(rig_tx(mbufs, 32), 32);
    mbufs[0] = own_packet(64, 0, 0);
    assert_int_equal(rig_tx(mbufs, 1), 0);
    rig_check_account(32, 0);
    vhc_port_close(other, true);
}

static void
test_ring_full(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];

    (void) state;
    rig_attach(&config, 0, 0);
    for (int burst = 0; burst < 3; burst++) {
        for (int i = 0; i < 24; i++) {
            mbufs[i] = own_packet(64, burst * 24 + i, 0);
        }
        assert_int_equal(rig_tx(mbufs, 24), burst < 2 ? 24 : 64 - 48);
    }
    rig_check_drops(VHC_DROP_RING_FULL, 8);
    rig_check_account(64, 0);
    for (int i = 0; i < 64; i++) {
        expect_packet(64, i, 0);
    }
}

/* Nothing to copy into: the packets are lost, and only they. */
static void
test_pool_empty(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mempool *mp = vhc_pool_mempool(rig.pool);
    unsigned n = rte_mempool_avail_count(mp);
    struct rte_mbuf **all = calloc(n, sizeof *all);
    struct rte_mbuf *mbufs[3];

    (void) state;
    rig_attach(&config, 0, 0);
    for (unsigned i = 0; i < n; i++) {
        all[i] = rte_pktmbuf_alloc(mp);
        assert_non_null(all[i]);
    }
    mbufs[0] = rig_packet(rig.outside, 64, 'a', 0);
    mbufs[1] = all[--n];
    rte_pktmbuf_append(mbufs[1], 64);
    mbufs[2] = rig_packet(rig.outside, 64, 'c', 0);
    assert_int_equal(rig_tx(mbufs, 3), 1);
    rig_check_drops(VHC_DROP_POOL_EMPTY, 2);
    assert_true(rte_mempool_full(rig.outside));
    rig_check_account(1, n);
    while (n > 0) {
        rte_pktmbuf_free(all[--n]);
    }
    free(all);
}

static void
test_detached(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[2];

    (void) state;
    rig_attach(&config, 0, 0);
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    mbufs[0] = own_packet(64, 0, 0);
    mbufs[1] = rig_packet(rig.outside, 64, 0, 0);
    assert_int_equal(rig_tx(mbufs, 2), 0);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    rig_check_drops(VHC_DROP_DETACHED, 2);
    rig_check_account(0, 0);
    check_tx(0, 0, 0, 0);
}

/* Packets that arrived while the NF was there stay what they are. */
static void
test_max_len(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *m;

    (void) state;
    rig_attach(&config, 0, 0);
    vhc_port_set_max_len(rig.port, 2048);
    m = own_packet(2048, 'l', 0);
    assert_int_equal(rig_tx(&m, 1), 1);
    expect_packet(2048, 'l', 0);
    vhc_port_set_max_len(rig.port, 64);
    m = own_packet(65, 'l', 0);
    assert_int_equal(rig_tx(&m, 1), 0);
    rig_check_drops(VHC_DROP_TX_SIZE, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_by_reference),
        TEST(test_outside),
        TEST(test_segments),
        TEST(test_shared),
        TEST(test_round_trips),
        TEST(test_sizes),
        TEST(test_sizes_in_burst),
        TEST(test_credit),
        TEST(test_hoarder),
        TEST(test_ring_full),
        TEST(test_pool_empty),
        TEST(test_detached),
        TEST(test_max_len),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
