/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* An NF with two ports, over the end of one switch and the start of another.
 *
 *     rig.port "fw" --> rig.nf --> "out"        and back */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "again.h"
#include "eal.h"
#include "ledger.h"

static struct vhc_port *out;    /* The other port, */
static struct fake_nf nf;       /* and the same NF's view of it. */

static struct vhc_port *
open_port(const char *name)
{
    struct vhc_port_config config = rig_config();

    config.name = name;
    return rig_open(&config);
}

static int
setup(void **state)
{
    struct vhc_port_config config;

    rig_setup(state);
    config = rig_config();
    rig_attach(&config, 0, 0);
    out = open_port("out");
    fake_nf_open(&nf, scratch_file(&sandbox_links, "ovs-chain.blue.out"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    fake_nf_prepare(&nf);
    nf.nf->peer_token = rig.nf.host->token;
    __atomic_store_n(&nf.nf->request, 1, __ATOMIC_RELEASE);
    assert_int_equal(vhc_port_run(out), VHC_PORT_LINKING);
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_ATTACHED);
    return 0;
}

static int
teardown(void **state)
{
    vhc_port_close(out, true);
    fake_nf_close(&nf);
    return rig_teardown(state);
}

/* Ends the switch and starts the next, without ports. */
static void
end(void)
{
    vhc_port_abandon(out);
    out = NULL;
    again_end();
}

static struct vhc_desc
give(struct vhc_port *port, struct fake_nf *f, int fill)
{
    struct rte_mbuf *m = rig_packet(rig.outside, 64, fill, 0);
    struct vhc_desc desc;

    assert_int_equal(vhc_port_tx(port, 0, &m, 1), 1);
    assert_int_equal(fake_nf_get(f, 0, &desc, 1), 1);
    return desc;
}

static void
receive(struct vhc_port *port, int fill)
{
    struct rte_mbuf *m;

    assert_int_equal(vhc_port_rx(port, 0, &m, 1), 1);
    rig_check_packet(m, 64, fill, 0);
}

/* Both are back, whichever comes first, and linked as before. */
static void
test_both(void **state)
{
    (void) state;
    for (int i = 0; i < 20; i++) {
        struct vhc_desc there = give(rig.port, &rig.nf, 'a');
        struct vhc_desc back = give(out, &nf, 'b');
        struct rte_mbuf *m;

        fake_nf_put(&nf, 0, &there, 1);
        fake_nf_put(&rig.nf, 0, &back, 1);
        end();
        again_begin_pool(true);
        if (i % 2) {
            rig.port = open_port("fw");
            assert_int_equal(vhc_port_rx(rig.port, 0, &m, 1), 0);
            assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
            out = open_port("out");
        } else {
            out = open_port("out");
            assert_int_equal(vhc_port_rx(out, 0, &m, 1), 0);
            assert_int_equal(vhc_port_run(out), VHC_PORT_SAME);
            rig.port = open_port("fw");
        }
        assert_int_equal(sandbox_account(rig.pool).owned, 2);
        assert_string_equal(again_info(out).peer, "fw");
        assert_string_equal(again_info(rig.port).peer, "out");
        receive(out, 'a');
        receive(rig.port, 'b');
        rig_check_account(0, 0);
        assert_int_equal(nf.host->generation, 1);
        assert_int_equal(rig.nf.host->generation, 1);
        vhc_pool_settle(rig.pool);
        assert_true(vhc_port_is_attached(out));
        assert_true(vhc_port_is_attached(rig.port));
    }
}

/* Killed within a burst from the NF: what was taken is skipped by the slot
 * that it was taken from. */
static void
test_taken(void **state)
{
    struct vhc_desc descs[4];
    struct rte_mbuf *m[4];

    (void) state;
    for (int i = 0; i < 4; i++) {
        descs[i] = give(rig.port, &rig.nf, i);
    }
    fake_nf_put(&nf, 0, descs, 4);
    assert_int_equal(vhc_port_rx(out, 0, m, 2), 2);
    rte_pktmbuf_free_bulk(m, 2);
    end();
    fake_nf_ring(&nf, 0, VHC_TX)->cons -= 2;
    again_begin_pool(true);
    out = open_port("out");
    rig.port = open_port("fw");
    receive(out, 2);
    receive(out, 3);
    assert_int_equal(vhc_port_rx(out, 0, m, 1), 0);
    rig_check_account(0, 0);
}

/* The same, and the first that is back gives the NF a buffer that was taken
 * before the other is back: that one does not take it from the old place. */
static void
test_taken_again(void **state)
{
    struct vhc_desc descs[2];
    struct rte_mbuf *m[2];

    (void) state;
    for (int i = 0; i < 2; i++) {
        descs[i] = give(rig.port, &rig.nf, i);
    }
    fake_nf_put(&nf, 0, descs, 2);
    assert_int_equal(vhc_port_rx(out, 0, m, 1), 1);
    rte_pktmbuf_free(m[0]);
    end();
    fake_nf_ring(&nf, 0, VHC_TX)->cons--;
    again_begin_pool(true);
    rig.port = open_port("fw");
    m[0] = rig_packet_in(descs[0].buf, 64, 'n');
    assert_int_equal(rig_tx(m, 1), 1);
    out = open_port("out");
    receive(out, 1);
    assert_int_equal(vhc_port_rx(out, 0, m, 1), 0);
    rig_check_account(1, 0);
}

/* One does not come back: the other must go too, and then all is back. */
static void
test_one(void **state)
{
    (void) state;
    give(rig.port, &rig.nf, 'a');
    give(out, &nf, 'b');
    end();
    again_begin_pool(true);
    rig.port = open_port("fw");
    assert_int_equal(sandbox_account(rig.pool).owned, 2);
    vhc_pool_settle(rig.pool);
    assert_int_equal(sandbox_account(rig.pool).owned, 2);
    again_detach(VHC_REASON_PEER);
    out = open_port("out");
    assert_false(vhc_port_is_attached(out));
}

static void
test_none(void **state)
{
    (void) state;
    give(rig.port, &rig.nf, 'a');
    give(out, &nf, 'b');
    end();
    again_begin_pool(true);
    assert_int_equal(sandbox_account(rig.pool).owned, 2);
    vhc_pool_settle(rig.pool);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
    rig.port = open_port("fw");
    out = open_port("out");
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
}

/* One was being detached, or its ring is corrupt, or it is another kind of
 * port now: the other must go, too, whichever comes first. */
static void
test_without(void **state)
{
    (void) state;
    for (int i = 0; i < 6; i++) {
        bool first = i % 2;
        struct vhc_port_config config = rig_config();

        give(rig.port, &rig.nf, 'a');
        give(out, &nf, 'b');
        if (i / 2 == 0) {
            fake_nf_leave(&nf);
            assert_int_equal(vhc_port_run(out), VHC_PORT_DETACHING);
        }
        end();
        if (i / 2 == 1) {
            fake_nf_ring(&nf, 0, VHC_TX)->prod += 1000;
        }
        again_begin_pool(true);
        rig.port = first ? open_port("fw") : NULL;
        config.name = "out";
        config.ring_size = i / 2 == 2 ? 2 * RIG_RING_SIZE : RIG_RING_SIZE;
        out = rig_open(&config);
        assert_false(vhc_port_is_attached(out));
        rig.port = first ? rig.port : open_port("fw");
        again_detach(VHC_REASON_PEER);
        assert_null(again_info(rig.port).peer);

        teardown(state);        /* And once more. */
        setup(state);
    }
}

/* The first that is back ends, in either way, before the other is. */
static void
test_first_ends(void **state)
{
    (void) state;
    for (int i = 0; i < 3; i++) {
        give(rig.port, &rig.nf, 'a');
        give(out, &nf, 'b');
        end();
        again_begin_pool(true);
        rig.port = open_port("fw");
        if (i == 0) {
            vhc_port_close(rig.port, false);
            rig.port = NULL;
        } else if (i == 1) {
            fake_nf_leave(&rig.nf);
            assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
            assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
        } else {
            vhc_port_abandon(rig.port);
            rig.port = open_port("fw");
        }
        out = open_port("out");
        assert_true(vhc_port_is_attached(out));
        assert_int_equal(sandbox_account(rig.pool).owned, i == 2 ? 2 : 1);
        if (i == 2) {
            assert_int_equal(vhc_port_run(out), VHC_PORT_SAME);
        } else {
            assert_int_equal(vhc_port_run(out), VHC_PORT_DETACHING);
            assert_int_equal(vhc_port_quiesced(out), VHC_PORT_DETACHED);
            assert_int_equal(again_info(out).reason, VHC_REASON_PEER);
        }
        teardown(state);
        setup(state);
    }
}

/* One ends while the other runs on, and is opened again. */
static void
test_abandon_one(void **state)
{
    struct vhc_desc there = give(rig.port, &rig.nf, 'a');
    struct rte_mbuf *m;

    (void) state;
    fake_nf_put(&nf, 0, &there, 1);
    vhc_port_abandon(rig.port);
    rig.port = NULL;
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 0);
    assert_int_equal(sandbox_account(rig.pool).owned, 1);
    rig.port = open_port("fw");
    receive(out, 'a');
    rig_check_account(0, 0);
}

/* One was closed, and the other not yet detached. */
static void
test_widow(void **state)
{
    (void) state;
    give(rig.port, &rig.nf, 'a');
    give(out, &nf, 'b');
    vhc_port_close(out, true);
    out = NULL;
    again_restart();
    assert_true(vhc_port_is_attached(rig.port));
    assert_int_equal(sandbox_account(rig.pool).owned, 1);
    again_detach(VHC_REASON_PEER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
        TEST(test_both),
        TEST(test_taken),
        TEST(test_taken_again),
        TEST(test_one),
        TEST(test_none),
        TEST(test_without),
        TEST(test_first_ends),
        TEST(test_abandon_one),
        TEST(test_widow),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
