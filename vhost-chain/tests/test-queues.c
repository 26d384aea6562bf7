/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Several queues, several ports, and an NF that sleeps. */

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "rig.h"

#define N_QUEUES VHC_MAX_QUEUES
#define LIMIT 300               /* Seconds. */
#ifndef N_SLEEPS
#define N_SLEEPS 100000
#endif

static struct rte_mbuf *
own_packet(int fill, uint32_t mark)
{
    return rig_packet(vhc_pool_mempool(rig.pool), 64, fill, mark);
}

/* Each queue has its own rings; all have one credit. */
static void
test_queues(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[N_QUEUES];
    struct rte_mbuf *m;

    (void) state;
    config.n_queues = N_QUEUES;
    rig_attach(&config, 0, 0);
    for (unsigned i = 0; i < N_QUEUES; i++) {
        m = own_packet(i, i);
        assert_int_equal(vhc_port_tx(rig.port, i, &m, 1), 1);
    }
    rig_check_account(N_QUEUES, 0);
    for (unsigned i = 0; i < N_QUEUES; i++) {
        assert_int_equal(fake_nf_get(&rig.nf, i, &descs[i], 1), 1);
        assert_int_equal(fake_nf_get(&rig.nf, i, &descs[i], 1), 0);
        assert_int_equal(descs[i].mark, i);
        assert_int_equal(*fake_nf_data(&rig.nf, &descs[i]), i);
        fake_nf_put(&rig.nf, i, &descs[i], 1);
    }
    for (unsigned i = N_QUEUES; i-- > 0; ) {
        assert_int_equal(vhc_port_rx(rig.port, i, &m, 1), 1);
        rig_check_packet(m, 64, i, i);
        assert_int_equal(vhc_port_rx(rig.port, i, &m, 1), 0);
    }
    rig_check_account(0, 0);
    assert_int_equal(rig_stats().rx_packets, N_QUEUES);
    assert_int_equal(rig_stats().tx_packets, N_QUEUES);
    rig_check_drops(VHC_NO_DROP, 0);
}

/* What came on one queue goes back on it, so that never two threads of the
 * switch can take one buffer. */
static void
test_other_queue(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc desc;
    struct rte_mbuf *m;

    (void) state;
    config.n_queues = 2;
    rig_attach(&config, 0, 0);
    rig_give(&desc, 1, 64);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    fake_nf_put(&rig.nf, 1, &desc, 1);
    assert_int_equal(vhc_port_rx(rig.port, 1, &m, 1), 0);
    rig_check_drops(VHC_DROP_NOT_OWNER, 1);
    rig_check_account(1, 0);
    assert_int_equal(vhc_port_rx(rig.port, 0, &m, 1), 1);
    rig_check_account(0, 1);
    rte_pktmbuf_free(m);
}

/* The port's credit is for all queues together. */
static void
test_credit(void **state)
{
    struct vhc_port_config config = rig_config();
    unsigned n = 0;

    (void) state;
    config.n_queues = 4;
    config.credits = 10;
    rig_attach(&config, 0, 0);
    for (unsigned i = 0; i < 16; i++) {
        struct rte_mbuf *m = own_packet(i, 0);

        n += vhc_port_tx(rig.port, i % 4, &m, 1);
    }
    assert_int_equal(n, 10);
    rig_check_account(10, 0);
    rig_check_drops(VHC_DROP_NO_CREDIT, 6);
}

/* Detaching finds the buffers of all queues. */
static void
test_reclaim(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    config.n_queues = N_QUEUES;
    rig_attach(&config, 0, 4);
    for (unsigned i = 0; i < N_QUEUES; i++) {
        struct rte_mbuf *m = own_packet(i, 0);

        assert_int_equal(vhc_port_tx(rig.port, i, &m, 1), 1);
        assert_int_equal(vhc_port_rx(rig.port, i, &m, 1), 0); /* Fills. */
    }
    rig_check_account(5 * N_QUEUES, 0);
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    rig_check_account(0, 0);
}

static void
check_hop(const char *from, uint64_t by_reference, uint64_t copied)
{
    struct vhc_hop *hops;
    unsigned n = vhc_port_get_hops(rig.port, &hops);

    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(hops[i].from, from)) {
            assert_int_equal(hops[i].by_reference, by_reference);
            assert_int_equal(hops[i].copied, copied);
            free(hops);
            return;
        }
    }
    fail_msg("no hop from %s", from);
}

static unsigned
count_hops(void)
{
    struct vhc_hop *hops;
    unsigned n = vhc_port_get_hops(rig.port, &hops);

    free(hops);
    return n;
}

/* Sends 'm' to the rig's port, on 'queue'. */
static void
send(struct rte_mbuf *m, unsigned queue)
{
    assert_int_equal(vhc_port_tx(rig.port, queue, &m, 1), 1);
}

/* A second port and NF, "ids", of which each of 'n_queues' queues sends one
 * packet to the rig's port. */
static struct vhc_port *
open_ids(struct fake_nf *nf, unsigned n_queues)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *port;

    config.name = "ids";
    config.n_queues = n_queues;
    port = rig_open(&config);
    fake_nf_open(nf, scratch_file(&sandbox_links, "ovs-chain.blue.ids"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    fake_nf_request(nf, 1);
    assert_int_equal(vhc_port_run(port), VHC_PORT_ATTACHED);
    for (unsigned i = 0; i < n_queues; i++) {
        struct rte_mbuf *m = own_packet('i', i);
        struct vhc_desc desc;

        assert_int_equal(vhc_port_tx(port, i, &m, 1), 1);
        assert_int_equal(fake_nf_get(nf, i, &desc, 1), 1);
        fake_nf_put(nf, i, &desc, 1);
        assert_int_equal(vhc_port_rx(port, i, &m, 1), 1);
        send(m, 0);
    }
    return port;
}

static void
test_hops(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *ids;
    struct rte_mbuf *m;
    struct fake_nf nf;

    (void) state;
    config.n_queues = 2;
    rig_attach(&config, 0, 0);
    assert_int_equal(count_hops(), 0);

    send(rig_packet(rig.outside, 64, 0, 0), 0);
    send(rig_packet(rig.outside, 64, 0, 0), 1);
    check_hop("outside", 0, 2);
    m = own_packet(0, 0);       /* The switch's own copy of a packet. */
    send(m, 0);
    check_hop("outside", 0, 3);
    m = own_packet(0, 0);
    m->port = 3;                /* A NIC's number. */
    send(m, 1);
    check_hop("nic", 1, 0);
    assert_int_equal(count_hops(), 2);

    ids = open_ids(&nf, 3);
    check_hop("ids", 3, 0);
    assert_int_equal(count_hops(), 3);
    assert_int_equal(rig_stats().tx_by_reference, 4);
    assert_int_equal(rig_stats().tx_copied, 3);
    vhc_port_close(ids, true);
    fake_nf_close(&nf);
    check_hop("outside", 0, 3);
    check_hop("nic", 1, 0);
    check_hop("(deleted)", 3, 0);
    assert_int_equal(count_hops(), 3);
}

/* A port cannot use what another owns, though both map the pool. */
static void
test_other_port(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *ids;
    struct vhc_desc desc;
    struct rte_mbuf *m;
    struct fake_nf nf;

    (void) state;
    rig_attach(&config, 0, 0);
    ids = open_ids(&nf, 1);
    assert_int_equal(fake_nf_get(&rig.nf, 0, &desc, 1), 1);
    desc.verdict = VHC_DROP;
    fake_nf_put(&nf, 0, &desc, 1);
    assert_int_equal(vhc_port_rx(ids, 0, &m, 1), 0);
    rig_check_account(1, 0);
    desc.verdict = VHC_FORWARD;
    fake_nf_put(&rig.nf, 0, &desc, 1);
    assert_int_equal(rig_rx(&m), 1);
    rig_check_packet(m, 64, 'i', 0);
    vhc_port_close(ids, true);
    fake_nf_close(&nf);
}

/* Takes a while, each time another, so that the moment at which the NF says
 * that it sleeps sweeps over the moment at which the switch looks. */
static void
dawdle(int round)
{
    for (volatile int i = 0; i < round * 7 % 16381; i++) {
        continue;
    }
}

/* Sends back each packet, and sleeps whenever there is none. */
static void *
run_sleeper(void *unused)
{
    struct vhc_ctrl_nf *nf = rig.nf.nf;
    uint32_t *wake_seq = (uint32_t *) &rig.nf.host->wake_seq;
    uint32_t need = 0;

    (void) unused;
    for (int n = 0; n < N_SLEEPS; ) {
        uint32_t seq = __atomic_load_n(wake_seq, __ATOMIC_ACQUIRE);
        struct vhc_desc desc;

        dawdle(n);
        __atomic_store_n(&nf->need_wakeup, ++need, __ATOMIC_RELAXED);
        vhc_ring_fence();       /* (C) */
        if (!fake_nf_get(&rig.nf, 0, &desc, 1)) {
            syscall(SYS_futex, wake_seq, FUTEX_WAIT, seq, NULL, NULL, 0);
        } else {
            fake_nf_put(&rig.nf, 0, &desc, 1);
            n++;
        }
        __atomic_store_n(&nf->need_wakeup, 0, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* One packet at a time goes around: a wake-up that is lost stops it for good,
 * which the alarm ends. */
static void
test_sleep(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *m = NULL;
    pthread_t sleeper;

    (void) state;
    rig_attach(&config, VHC_NF_F_FUTEX, 0);
    alarm(LIMIT);
    assert_int_equal(pthread_create(&sleeper, NULL, run_sleeper, NULL), 0);
    m = own_packet(0, 0);
    for (uint32_t i = 0; i < N_SLEEPS; i++) {
        *rig_mark(m) = i;
        assert_int_equal(rig_tx(&m, 1), 1);
        while (!rig_rx(&m)) {
            sched_yield();
        }
        assert_int_equal(*rig_mark(m), i);
    }
    pthread_join(sleeper, NULL);
    alarm(0);
    rte_pktmbuf_free(m);
    assert_int_equal(rig_stats().rx_packets, N_SLEEPS);
    print_message("woken %llu times for %d packets\n",
                  (unsigned long long) rig_stats().tx_wakeups, N_SLEEPS);
}

/* Another NF with 'features' takes the place of the one that is attached. */
static void
replace(uint32_t request, uint32_t features)
{
    fake_nf_prepare(&rig.nf);
    rig.nf.nf->features = features;
    rig.nf.nf->request = request;
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
}

/* Woken once for each time that it goes to sleep, and not at all if it does
 * not say that it can be. */
static void
test_wakeups(void **state)
{
    struct vhc_port_config config = rig_config();
    uint32_t seq;

    (void) state;
    rig_attach(&config, VHC_NF_F_FUTEX, 0);
    seq = rig.nf.host->wake_seq;
    send(own_packet(0, 0), 0);
    assert_int_equal(rig.nf.host->wake_seq, seq);
    rig.nf.nf->need_wakeup = 7;
    send(own_packet(0, 0), 0);
    send(own_packet(0, 0), 0);
    assert_int_equal(rig.nf.host->wake_seq, seq + 1);
    rig.nf.nf->need_wakeup = 8;
    send(own_packet(0, 0), 0);
    assert_int_equal(rig.nf.host->wake_seq, seq + 2);
    assert_int_equal(rig_stats().tx_wakeups, 2);

    replace(2, VHC_NF_F_FUTEX); /* The next happens to count the same. */
    rig.nf.nf->need_wakeup = 8;
    send(own_packet(0, 0), 0);
    assert_int_equal(rig.nf.host->wake_seq, seq + 3);

    replace(3, 0);              /* And the next cannot be woken so. */
    rig.nf.nf->need_wakeup = 9;
    send(own_packet(0, 0), 0);
    assert_int_equal(rig.nf.host->wake_seq, seq + 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_queues),
        TEST(test_other_queue),
        TEST(test_credit),
        TEST(test_reclaim),
        TEST(test_hops),
        TEST(test_other_port),
        TEST(test_sleep),
        TEST(test_wakeups),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
