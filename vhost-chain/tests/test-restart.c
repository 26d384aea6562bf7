/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* A switch that starts where another was killed: after each store. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "again.h"
#include "eal.h"

#define N 4                     /* Packets of a burst. */

static void
attach(uint32_t features, uint32_t fill_level)
{
    struct vhc_port_config config = rig_config();

    rig_attach(&config, features, fill_level);
}

static struct vhc_record *
record(void)
{
    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        if (again.records[slot].n_queues) {
            return &again.records[slot];
        }
    }
    fail_msg("no record");
    return NULL;
}

static uint16_t
slot(void)
{
    return record() - again.records;
}

/* The NF returns the 'n' packets that 'descs' say, which are 64 bytes of
 * 'fill' + i each, and keeps 'n_held'. */
static void
return_all(struct vhc_desc *descs, unsigned n, int fill, unsigned n_held)
{
    struct rte_mbuf *mbufs[32];

    fake_nf_put(&rig.nf, 0, descs, n);
    assert_int_equal(rig_rx(mbufs), n);
    for (unsigned i = 0; i < n; i++) {
        rig_check_packet(mbufs[i], 64, fill + i, 0);
    }
    rig_check_account(n_held, 0);
    rig_check_drops(VHC_NO_DROP, 0);
}

static void
send_burst(int fill)
{
    struct rte_mbuf *mbufs[N];

    for (int i = 0; i < N; i++) {
        mbufs[i] = rig_packet(vhc_pool_mempool(rig.pool), 64, fill + i, 0);
    }
    assert_int_equal(rig_tx(mbufs, N), N);
}

/* The same NF, the same generation; packets in its rings and in its hands. */
static void
test_stays(void **state)
{
    struct vhc_desc held[2], descs[2 * N];
    struct rte_mbuf *mbufs[32];
    uint64_t token;

    (void) state;
    attach(0, 0);
    token = rig.nf.host->token;
    for (int i = 0; i < 50; i++) {
        rig_give(held, 2, 64);
        send_burst(0);
        assert_int_equal(fake_nf_get(&rig.nf, 0, descs, 2), 2);
        fake_nf_put(&rig.nf, 0, descs, 2);
        again_restart();
        again_check_attached(2 + N);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
        assert_true(token == rig.nf.host->token);

        assert_int_equal(rig_rx(mbufs), 2);
        rig_check_packet(mbufs[0], 64, 0, 0);
        rig_check_packet(mbufs[1], 64, 1, 0);
        assert_int_equal(fake_nf_get(&rig.nf, 0, descs, 8), N - 2);
        assert_int_equal(fake_nf_get(&rig.nf, 0, descs, 8), 0);
        rig_check_account(N, 0);
        return_all(descs, N - 2, 2, 2);
        if (i % 2) {
            again_restart();
            again_check_attached(2);
        }
        return_all(held, 2, 0, 0);
    }
}

/* What the stores of a burst of N to the NF leave, one by one: descriptors,
 * then 'next', then N owners, then the index. */
static void
test_each_store_tx(void **state)
{
    static const struct {
        bool next;
        int owners;
        bool index;
        unsigned arrive;
    } cases[] = {
        { false, 0, false, 0 },
        { true, 0, false, 0 },
        { true, 1, false, 1 },
        { true, 2, false, 2 },
        { true, 3, false, 3 },
        { true, 4, false, 4 },
        { true, 4, true, 4 },
    };

    (void) state;
    attach(0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_ring *ring = fake_nf_ring(&rig.nf, 0, VHC_RX);
        struct vhc_desc descs[8];
        unsigned n;

        send_burst(10 * i);
        again_end();
        if (!cases[i].index) {
            ring->prod -= N;
        }
        if (!cases[i].next) {
            record()->rx_next -= N;
        }
        for (int j = cases[i].owners; j < N; j++) {
            again.owner[ring->desc[(rig.nf.rx[0].cons + j) % 64].buf] = 0;
        }
        again_begin();
        again_check_attached(cases[i].arrive);
        n = fake_nf_get(&rig.nf, 0, descs, 8);
        assert_int_equal(n, cases[i].arrive);
        if (n) {
            return_all(descs, n, 10 * i, 0);
        }
    }
}

/* The same of empty buffers. */
static void
test_each_store_fill(void **state)
{
    struct vhc_desc descs[32];
    struct rte_mbuf *m;

    (void) state;
    attach(0, 8);
    for (int step = 0; step < 11; step++) {
        struct vhc_ring *ring = fake_nf_ring(&rig.nf, 0, VHC_FILL);
        uint32_t n_given = step < 2 ? 0 : step < 10 ? step - 2 : 8;
        unsigned n;

        assert_int_equal(rig_rx(&m), 0);
        again_end();
        assert_int_equal(ring->prod - ring->cons, 8);
        ring->prod -= step < 10 ? 8 : 0;
        record()->fill_next -= step < 1 ? 8 : 0;
        for (int j = n_given; j < 8; j++) {
            again.owner[ring->desc[(rig.nf.fill[0].cons + j) % 64].buf] = 0;
        }
        again_begin();
        again_check_attached(n_given);
        n = fake_nf_get_empty(&rig.nf, 0, descs, 32);
        assert_int_equal(n, n_given);
        for (unsigned i = 0; i < n; i++) {
            descs[i].verdict = VHC_DROP;
        }
        fake_nf_put(&rig.nf, 0, descs, n);
        assert_int_equal(rig_rx(&m), 0); /* Which fills anew. */
        rig_check_account(8, 0);
        vhc_port_close(rig.port, true);
        fake_nf_close(&rig.nf);
        attach(0, 8);
    }
}

/* What the stores of a burst of N from the NF leave: N owners, then the index.
 * The packets that were taken died with the switch; the rest arrive. */
static void
test_each_store_rx(void **state)
{
    (void) state;
    attach(0, 0);
    for (int step = 0; step < N + 2; step++) {
        struct vhc_ring *ring = fake_nf_ring(&rig.nf, 0, VHC_TX);
        int n_taken = step < N ? step : N;
        struct vhc_desc descs[N];
        struct rte_mbuf *mbufs[32];

        rig_give(descs, N, 64);
        fake_nf_put(&rig.nf, 0, descs, N);
        assert_int_equal(rig_rx(mbufs), N);
        rte_pktmbuf_free_bulk(mbufs, N);
        again_end();
        ring->cons -= step <= N ? N : 0;
        for (int j = n_taken; j < N; j++) {
            again.owner[descs[j].buf] = slot();
        }
        again_begin();
        again_check_attached(N - n_taken);
        assert_int_equal(rig_rx(mbufs), N - n_taken);
        for (int j = n_taken; j < N; j++) {
            rig_check_packet(mbufs[j - n_taken], 64, j, 0);
        }
        rig_check_account(0, 0);
        rig_check_drops(VHC_NO_DROP, 0);
    }
}

/* The stores of an attachment: all but the last leave an NF that is not
 * attached and asks again; after the last it is, and is told. */
static void
test_each_store_attach(void **state)
{
    (void) state;
    attach(0, 0);
    for (int step = 0; step < 2; step++) {
        struct vhc_ctrl_host *host = (struct vhc_ctrl_host *) rig.nf.host;

        again_end();
        record()->attached = step;
        host->state = VHC_DETACHED;
        host->answer = 0;
        again_begin();
        if (step) {
            again_check_attached(0);
            continue;
        }
        assert_false(vhc_port_is_attached(rig.port));
        assert_int_equal(host->state, VHC_DETACHED);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
        fake_nf_request(&rig.nf, 2);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
        assert_int_equal(host->generation, 2);
        vhc_port_close(rig.port, true);
        fake_nf_close(&rig.nf);
        attach(0, 0);
    }
}

/* A detachment that was begun is finished. */
static void
test_each_store_detach(void **state)
{
    (void) state;
    attach(0, 0);
    send_burst(0);
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    again_restart();
    rig_check_account(0, 0);
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
    assert_int_equal(rig.nf.host->answer, 0);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(rig.nf.host->generation, 2);
}

/* What happened to the NF meanwhile is noticed. */
static void
test_gone_meanwhile(void **state)
{
    (void) state;
    attach(VHC_NF_F_LOCK, 0);
    fake_nf_lock(&rig.nf);
    send_burst(0);
    again_restart();
    again_check_attached(N);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);

    again_end();
    fake_nf_close(&rig.nf);     /* It was killed. */
    again_begin();
    again_detach(VHC_REASON_GONE);

    fake_nf_open(&rig.nf, scratch_file(&sandbox_links, "ovs-chain.blue.fw"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    send_burst(0);
    again_end();
    fake_nf_leave(&rig.nf);     /* It left. */
    again_begin();
    again_detach(VHC_REASON_LEFT);

    fake_nf_request(&rig.nf, 3);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    send_burst(0);
    again_end();
    fake_nf_request(&rig.nf, 4); /* It was started anew. */
    again_begin();
    if (vhc_port_is_attached(rig.port)) {
        again_detach(VHC_REASON_REPLACED);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    }
}

/* An NF in a VM that went while nobody looked does not move. */
static void
test_vm_gone_meanwhile(void **state)
{
    enum vhc_port_event event = VHC_PORT_SAME;

    (void) state;
    attach(0, 0);
    send_burst(0);
    again_restart();
    for (int i = 0; i < 500 && event == VHC_PORT_SAME; i++) {
        usleep(10000);
        event = vhc_port_run(rig.port);
    }
    assert_int_equal(event, VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(again_info(rig.port).reason, VHC_REASON_VM_STOPPED);
    rig_check_account(0, 0);
}

/* Indices that cannot be: the NF is detached, and only that. */
static void
test_corrupt(void **state)
{
    static const struct {
        enum vhc_ring_role role;
        int32_t prod, cons;
    } cases[] = {
        { VHC_RX, 1, 0 }, { VHC_RX, -33, 0 }, { VHC_RX, 0, 5 },
        { VHC_RX, 0, -100 }, { VHC_TX, 65, 0 }, { VHC_TX, 0, 1 },
        { VHC_TX, INT32_MIN, 0 }, { VHC_FILL, 1, 0 }, { VHC_FILL, 0, 1 },
    };

    (void) state;
    attach(0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_ring *ring = fake_nf_ring(&rig.nf, 0, cases[i].role);

        send_burst(0);
        again_end();
        ring->prod += cases[i].prod;
        ring->cons += cases[i].cons;
        again_begin();
        assert_false(vhc_port_is_attached(rig.port));
        rig_check_account(0, 0);
        assert_int_equal(rig.nf.host->state, VHC_DETACHED);
        assert_int_equal(rig.nf.host->reason, VHC_REASON_CORRUPT);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
        fake_nf_request(&rig.nf, 10 + i);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    }
}

/* An NF that sleeps, or was about to be woken, is woken. */
static void
test_woken(void **state)
{
    uint32_t seq;

    (void) state;
    attach(VHC_NF_F_FUTEX, 0);
    send_burst(0);
    seq = rig.nf.host->wake_seq;
    again_restart();
    assert_int_equal(rig.nf.host->wake_seq, seq + 1);
    vhc_port_close(rig.port, true);
    fake_nf_close(&rig.nf);

    attach(VHC_NF_F_FRAME, 0);
    again_restart();
    assert_true(vhc_port_wants_frame(rig.port, 0));
    assert_false(vhc_port_wants_frame(rig.port, 0));
}

/* Each queue has a slot and rings of its own. */
static void
test_queues(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[3];
    struct vhc_desc descs[3];

    (void) state;
    config.n_queues = 3;
    config.credits = 200;
    rig_attach(&config, 0, 0);
    for (unsigned q = 0; q < 3; q++) {
        for (unsigned i = 0; i <= q; i++) {
            mbufs[i] = rig_packet(vhc_pool_mempool(rig.pool), 64, 10 * q + i,
                                  0);
        }
        assert_int_equal(vhc_port_tx(rig.port, q, mbufs, q + 1), q + 1);
    }
    again_end();
    again_begin_pool(true);
    rig.port = rig_open(&config);
    again_check_attached(6);
    for (unsigned q = 0; q < 3; q++) {
        assert_int_equal(fake_nf_get(&rig.nf, q, descs, 3), q + 1);
        fake_nf_put(&rig.nf, q, descs, q + 1);
        assert_int_equal(vhc_port_rx(rig.port, q, mbufs, 3), q + 1);
        for (unsigned i = 0; i <= q; i++) {
            rig_check_packet(mbufs[i], 64, 10 * q + i, 0);
        }
    }
    rig_check_account(0, 0);
    rig_check_drops(VHC_NO_DROP, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_stays),
        TEST(test_each_store_tx),
        TEST(test_each_store_fill),
        TEST(test_each_store_rx),
        TEST(test_each_store_attach),
        TEST(test_each_store_detach),
        TEST(test_gone_meanwhile),
        TEST(test_vm_gone_meanwhile),
        TEST(test_corrupt),
        TEST(test_woken),
        TEST(test_queues),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
