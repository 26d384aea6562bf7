/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* An NF with two ports of one pool: what comes in on the one goes out on the
 * other.
 *
 *     rig.port "fw" --> rig.nf --> "out"        and back */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eal.h"
#include "rig.h"

static struct vhc_port *out;    /* The other port, */
static struct fake_nf nf;       /* and the same NF's view of it. */

static unsigned n_local_fw, n_local_out; /* Packets for the guest's kernel. */

static unsigned
count_local(void *n_local, struct rte_mbuf **mbufs, unsigned n)
{
    (void) mbufs;
    *(unsigned *) n_local += n;
    return n;
}

static int
setup(void **state)
{
    struct vhc_port_config config;

    rig_setup(state);
    config = rig_config();
    config.local = count_local;
    config.aux = &n_local_fw;
    n_local_fw = n_local_out = 0;
    rig_attach(&config, 0, 0);
    config.name = "out";
    config.aux = &n_local_out;
    out = rig_open(&config);
    fake_nf_open(&nf, scratch_file(&sandbox_links, "ovs-chain.blue.out"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    return 0;
}

static int
teardown(void **state)
{
    vhc_port_close(out, true);
    fake_nf_close(&nf);
    return rig_teardown(state);
}

/* The NF attaches to "out" and names "fw" as its other port. */
static void
ask_link(uint32_t request)
{
    fake_nf_prepare(&nf);
    nf.nf->peer_token = rig.nf.host->token;
    __atomic_store_n(&nf.nf->request, request, __ATOMIC_RELEASE);
}

static void
link_ports(void)
{
    ask_link(1);
    assert_int_equal(vhc_port_run(out), VHC_PORT_LINKING);
    assert_false(vhc_port_is_attached(out));
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_ATTACHED);
    assert_true(vhc_port_is_attached(out));
    assert_int_equal(nf.host->answer, 1);
    assert_int_equal(nf.host->state, VHC_ATTACHED);
}

static struct vhc_port_info
info(const struct vhc_port *port)
{
    struct vhc_port_info i;

    vhc_port_get_info(port, &i);
    return i;
}

static void
check_owned(uint32_t fw_owned, uint32_t out_owned)
{
    assert_int_equal(sandbox_account(rig.pool).owned, fw_owned + out_owned);
    assert_int_equal(info(rig.port).owned, fw_owned);
    assert_int_equal(info(out).owned, out_owned);
}

static struct vhc_desc
give_out(int fill)
{
    struct rte_mbuf *m = rig_packet(rig.outside, 64, fill, 0);
    struct vhc_desc desc;

    assert_int_equal(vhc_port_tx(out, 0, &m, 1), 1);
    assert_int_equal(fake_nf_get(&nf, 0, &desc, 1), 1);
    return desc;
}

static void
test_through(void **state)
{
    struct vhc_desc there, back;
    struct rte_mbuf *m;

    (void) state;
    link_ports();
    assert_string_equal(info(out).peer, "fw");
    assert_string_equal(info(rig.port).peer, "out");
    for (int i = 0; i < 100; i++) {
        rig_give(&there, 1, 64);
        back = give_out('b');
        check_owned(1, 1);
        fake_nf_put(&nf, 0, &there, 1);
        fake_nf_put(&rig.nf, 0, &back, 1);
        assert_int_equal(vhc_port_rx(out, 0, &m, 1), 1);
        check_owned(0, 1);
        rig_check_packet(m, 64, 0, 0);
        assert_int_equal(rig_rx(&m), 1);
        check_owned(0, 0);
        rig_check_packet(m, 64, 'b', 0);
    }
    rig_check_drops(VHC_NO_DROP, 0);
}

/* What the NF hands to the guest's kernel goes where it came in, although it
 * comes back on the other port; when that is closed, nowhere. */
static void
test_local(void **state)
{
    struct vhc_desc descs[3], back;
    struct rte_mbuf *m;

    (void) state;
    link_ports();
    rig_give(descs, 3, 64);
    back = give_out('b');
    back.verdict = descs[0].verdict = descs[2].verdict = VHC_LOCAL;
    fake_nf_put(&nf, 0, descs, 2);
    fake_nf_put(&rig.nf, 0, &back, 1);
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 0);
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 1);
    rig_check_packet(m, 64, 1, 0);
    assert_int_equal(rig_rx(&m), 0);
    assert_int_equal(n_local_fw, 1);
    assert_int_equal(n_local_out, 1);
    assert_int_equal(rig_stats().rx_local, 1);
    check_owned(1, 0);

    vhc_port_close(rig.port, false);
    rig.port = NULL;
    fake_nf_put(&nf, 0, &descs[2], 1);
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 0);
    assert_int_equal(n_local_fw, 1);
    assert_int_equal(vhc_port_run(out), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_DETACHED);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
}

/* While the link is being made, nobody takes anything. */
static void
test_linking(void **state)
{
    struct vhc_desc desc;
    struct rte_mbuf *m;

    (void) state;
    rig_give(&desc, 1, 64);
    ask_link(1);
    assert_int_equal(vhc_port_run(out), VHC_PORT_LINKING);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    fake_nf_put(&nf, 0, &desc, 1);
    assert_int_equal(rig_rx(&m), 0);
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 0);
    check_owned(1, 0);
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_ATTACHED);
    check_owned(1, 0);
}

/* In one place only: not also where they came from. */
static void
test_one_place(void **state)
{
    struct vhc_desc desc;
    struct rte_mbuf *m;

    (void) state;
    link_ports();
    rig_give(&desc, 1, 64);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    fake_nf_put(&nf, 0, &desc, 1);
    assert_int_equal(rig_rx(&m), 0);
    rig_check_drops(VHC_DROP_NOT_OWNER, 1);
    check_owned(1, 0);
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 1);
    check_owned(0, 0);
    rte_pktmbuf_free(m);
}

/* Only who maps the other port's file knows its token. */
static void
test_token(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    assert_true(rig.nf.host->token != 0);
    ask_link(1);
    nf.nf->peer_token ^= 1;
    assert_int_equal(vhc_port_run(out), VHC_PORT_REFUSED);
    assert_int_equal(info(out).reason, VHC_REASON_PEER);

    fake_nf_request(&nf, 2);
    assert_int_equal(vhc_port_run(out), VHC_PORT_ATTACHED);
    ask_link(3);
    nf.nf->peer_token = nf.host->token; /* Its own. */
    assert_int_equal(vhc_port_run(out), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_DETACHED);
    assert_int_equal(vhc_port_run(out), VHC_PORT_REFUSED);
    assert_int_equal(info(out).reason, VHC_REASON_PEER);

    config.name = "two";        /* Another number of queues. */
    config.n_queues = 2;
    vhc_port_close(out, true);
    fake_nf_close(&nf);
    out = rig_open(&config);
    fake_nf_open(&nf, scratch_file(&sandbox_links, "ovs-chain.blue.two"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    ask_link(1);
    assert_int_equal(vhc_port_run(out), VHC_PORT_REFUSED);
    assert_int_equal(info(out).reason, VHC_REASON_PEER);
}

/* A token is of one attachment. */
static void
test_old_token(void **state)
{
    uint64_t token = rig.nf.host->token;

    (void) state;
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    ask_link(1);
    nf.nf->peer_token = token;
    assert_int_equal(vhc_port_run(out), VHC_PORT_REFUSED); /* Detached. */
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_true(rig.nf.host->token != token);
    ask_link(2);
    nf.nf->peer_token = token;
    assert_int_equal(vhc_port_run(out), VHC_PORT_REFUSED);
    ask_link(3);
    assert_int_equal(vhc_port_run(out), VHC_PORT_LINKING);
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_ATTACHED);
}

/* Two ports, not three. */
static void
test_third(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *third;
    struct fake_nf nf3;

    (void) state;
    link_ports();
    config.name = "third";
    third = rig_open(&config);
    fake_nf_open(&nf3, scratch_file(&sandbox_links, "ovs-chain.blue.third"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    fake_nf_prepare(&nf3);
    nf3.nf->peer_token = rig.nf.host->token;
    nf3.nf->request = 1;
    assert_int_equal(vhc_port_run(third), VHC_PORT_REFUSED);
    assert_int_equal(info(third).reason, VHC_REASON_PEER);
    vhc_port_close(third, true);
    fake_nf_close(&nf3);
}

static void
detach(struct vhc_port *port, enum vhc_reason reason)
{
    assert_int_equal(vhc_port_run(port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(port), VHC_PORT_DETACHED);
    assert_int_equal(info(port).reason, reason);
}

/* One of the ports detaches: the other must, too.  Until then it does not take
 * what the NF refers to from before, though the buffer is its own by now. */
static void
test_detach(void **state)
{
    struct vhc_desc there[4];
    struct rte_mbuf *m;

    (void) state;
    link_ports();
    rig_give(there, 4, 64);
    fake_nf_put(&nf, 0, there, 4);
    fake_nf_leave(&rig.nf);
    detach(rig.port, VHC_REASON_LEFT);
    check_owned(0, 0);
    assert_null(info(out).peer);

    m = rig_packet_in(there[0].buf, 64, 'n');
    assert_int_equal(vhc_port_tx(out, 0, &m, 1), 1);
    assert_int_equal(vhc_port_rx(out, 0, &m, 1), 0);
    check_owned(0, 1);
    detach(out, VHC_REASON_PEER);
    check_owned(0, 0);

    fake_nf_request(&rig.nf, 2); /* And once more. */
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    ask_link(2);
    assert_int_equal(vhc_port_run(out), VHC_PORT_LINKING);
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_ATTACHED);
}

/* Both do at once, or one is closed before the other is back. */
static void
test_detach_both(void **state)
{
    (void) state;
    for (int i = 0; i < 3; i++) {
        link_ports();
        give_out('o');
        fake_nf_leave(&nf);
        fake_nf_leave(&rig.nf);
        assert_int_equal(vhc_port_run(out), VHC_PORT_DETACHING);
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
        if (i == 1) {
            vhc_port_close(out, true);
            out = NULL;
            assert_int_equal(sandbox_account(rig.pool).owned, 1);
        } else {
            assert_int_equal(vhc_port_quiesced(out), VHC_PORT_DETACHED);
        }
        if (i == 2) {
            vhc_port_close(rig.port, true);
            rig.port = NULL;
        } else {
            assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
        }
        assert_int_equal(sandbox_account(rig.pool).owned, 0);
        teardown(state);
        setup(state);
    }
}

/* One of the ports is closed: the other detaches next, and then the buffers of
 * both are back. */
static void
test_close(void **state)
{
    struct vhc_desc there[4];

    (void) state;
    link_ports();
    rig_give(there, 4, 64);
    give_out('o');
    check_owned(4, 1);
    vhc_port_close(out, true);
    out = NULL;
    assert_int_equal(sandbox_account(rig.pool).owned, 5);
    detach(rig.port, VHC_REASON_PEER);
    rig_check_account(0, 0);
}

/* Both are closed, in each order: nothing is lost. */
static void
test_close_both(void **state)
{
    struct vhc_desc there[4];

    (void) state;
    link_ports();
    rig_give(there, 4, 64);
    give_out('o');
    vhc_port_close(rig.port, true);
    rig.port = NULL;
    assert_int_equal(sandbox_account(rig.pool).owned, 5);
    vhc_port_close(out, true);
    out = NULL;
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
}

/* The port that is linked to goes while the link is being made. */
static void
test_close_while_linking(void **state)
{
    struct vhc_desc there[4];

    (void) state;
    rig_give(there, 4, 64);
    ask_link(1);
    assert_int_equal(vhc_port_run(out), VHC_PORT_LINKING);
    vhc_port_close(rig.port, true);
    rig.port = NULL;
    assert_int_equal(vhc_port_quiesced(out), VHC_PORT_REFUSED);
    assert_int_equal(nf.host->state, VHC_REFUSED);
    assert_int_equal(nf.host->reason, VHC_REASON_PEER);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
        TEST(test_through),
        TEST(test_local),
        TEST(test_linking),
        TEST(test_one_place),
        TEST(test_token),
        TEST(test_old_token),
        TEST(test_third),
        TEST(test_detach),
        TEST(test_detach_both),
        TEST(test_close),
        TEST(test_close_both),
        TEST(test_close_while_linking),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
