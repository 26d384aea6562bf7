/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* An NF that is attached and does not take its packets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "eal.h"
#include "rig.h"

#define STALL_MS 100

static void
attach(uint32_t stall_ms)
{
    struct vhc_port_config config = rig_config();

    config.stall_ms = stall_ms;
    rig_attach(&config, 0, 0);
}

static void
send_one(void)
{
    struct rte_mbuf *m = rig_packet(rig.outside, 64, 0, 0);

    assert_int_equal(rig_tx(&m, 1), 1);
}

/* Takes what is there and gives it back. */
static void
take_all(void)
{
    struct vhc_desc descs[32];
    struct rte_mbuf *mbufs[32];
    unsigned n = fake_nf_get(&rig.nf, 0, descs, 32);

    fake_nf_put(&rig.nf, 0, descs, n);
    rte_pktmbuf_free_bulk(mbufs, rig_rx(mbufs));
}

/* Runs the port until something happens, at most for 'ms'. */
static enum vhc_port_event
run_for(unsigned ms)
{
    struct timespec nap = { .tv_nsec = 1000 * 1000 };
    enum vhc_port_event event = vhc_port_run(rig.port);

    for (unsigned i = 0; event == VHC_PORT_SAME && i < ms; i++) {
        nanosleep(&nap, NULL);
        event = vhc_port_run(rig.port);
    }
    return event;
}

static void
test_stall(void **state)
{
    struct vhc_port_info info;

    (void) state;
    attach(STALL_MS);
    assert_int_equal(run_for(2 * STALL_MS), VHC_PORT_SAME); /* Nothing due. */
    for (int i = 0; i < 3; i++) {
        send_one();
        assert_false(vhc_port_is_stalled(rig.port));
        assert_int_equal(run_for(100 * STALL_MS), VHC_PORT_STALLED);
        assert_true(vhc_port_is_stalled(rig.port));
        assert_true(vhc_port_is_attached(rig.port));
        vhc_port_get_info(rig.port, &info);
        assert_true(info.stalled);
        send_one();             /* It may have more, and its buffers. */
        assert_int_equal(run_for(2 * STALL_MS), VHC_PORT_SAME);
        rig_check_account(2, 0);

        take_all();
        assert_int_equal(run_for(0), VHC_PORT_DRAINS);
        assert_false(vhc_port_is_stalled(rig.port));
        rig_check_account(0, 0);
    }
}

/* One that takes a packet now and then is slow, not stalled. */
static void
test_slow(void **state)
{
    struct vhc_desc desc;

    (void) state;
    attach(20 * STALL_MS);
    for (int i = 0; i < 30; i++) {
        send_one();
    }
    for (int i = 0; i < 30; i++) {
        assert_int_equal(run_for(STALL_MS), VHC_PORT_SAME);
        assert_int_equal(fake_nf_get(&rig.nf, 0, &desc, 1), 1);
    }
}

/* The next NF begins anew. */
static void
test_next(void **state)
{
    (void) state;
    attach(STALL_MS);
    send_one();
    assert_int_equal(run_for(100 * STALL_MS), VHC_PORT_STALLED);
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_false(vhc_port_is_stalled(rig.port));
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_false(vhc_port_is_stalled(rig.port));
    assert_int_equal(run_for(2 * STALL_MS), VHC_PORT_SAME);
}

static void
test_never(void **state)
{
    (void) state;
    attach(0);
    send_one();
    assert_int_equal(run_for(3 * STALL_MS), VHC_PORT_SAME);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_stall),
        TEST(test_slow),
        TEST(test_next),
        TEST(test_never),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
