/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* An NF in a guest: packets for the guest's own kernel, a frame that wakes it,
 * and the end of its VM. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "eal.h"
#include "pool-private.h"
#include "rig.h"

/* The guest's kernel, which has room for 'room' packets. */
struct kernel {
    unsigned room;
    unsigned n;                 /* Packets that it got... */
    unsigned lens[64];          /* ...and their lengths. */
};

static unsigned
kernel_receive(void *kernel_, struct rte_mbuf **mbufs, unsigned n)
{
    struct kernel *kernel = kernel_;

    n = RTE_MIN(n, kernel->room - kernel->n);
    for (unsigned i = 0; i < n; i++) {
        kernel->lens[kernel->n++] = mbufs[i]->pkt_len;
    }
    return n;
}

static struct vhc_port_config
guest_config(struct kernel *kernel)
{
    struct vhc_port_config config = rig_config();

    config.local = kernel_receive;
    config.aux = kernel;
    return config;
}

/* Returns 'n' packets of 100 bytes and more, each third for the kernel. */
static void
give_back(unsigned n)
{
    struct vhc_desc descs[32];

    rig_give(descs, n, 100);
    for (unsigned i = 0; i < n; i++) {
        descs[i].len = 100 + i;
        descs[i].verdict = i % 3 == 1 ? VHC_LOCAL : VHC_FORWARD;
    }
    fake_nf_put(&rig.nf, 0, descs, n);
}

static void
test_local(void **state)
{
    struct kernel kernel = { .room = 64 };
    struct vhc_port_config config = guest_config(&kernel);
    struct rte_mbuf *mbufs[32];

    (void) state;
    rig_attach(&config, 0, 0);
    give_back(9);
    assert_int_equal(rig_rx(mbufs), 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(mbufs[i]->pkt_len, 100 + i / 2 * 3 + i % 2 * 2);
    }
    rte_pktmbuf_free_bulk(mbufs, 6);
    assert_int_equal(kernel.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kernel.lens[i], 101 + 3 * i);
    }
    assert_int_equal(rig_stats().rx_local, 3);
    assert_int_equal(rig_stats().rx_packets, 6);
    rig_check_drops(VHC_NO_DROP, 0);
    rig_check_account(0, 0);
}

static void *
close_port(void *port)
{
    vhc_port_close(port, false);
    return NULL;
}

/* To close a port waits for the thread that hands its packets to the kernel.
 * By then the record is gone, so that a switch that is killed meanwhile leaves
 * none that would tell the NF: it has been told. */
static void
test_close(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_slot *slot;
    pthread_t closer;
    uint32_t told;

    (void) state;
    rig_attach(&config, 0, 0);
    slot = &rig.pool->slots[1];
    assert_ptr_equal(slot->port, rig.port);
    slot->in_local = true;
    assert_int_equal(pthread_create(&closer, NULL, close_port, rig.port), 0);
    while (__atomic_load_n(&rig.pool->ledger.records[1].n_queues,
                           __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    told = rig.nf.host->state;
    __atomic_store_n(&slot->in_local, false, __ATOMIC_SEQ_CST);
    pthread_join(closer, NULL);
    rig.port = NULL;
    assert_int_equal(told, VHC_DETACHED);
    assert_int_equal(rig.nf.host->reason, VHC_REASON_CLOSED);
}

/* What the kernel has no room for is dropped. */
static void
test_local_full(void **state)
{
    struct kernel kernel = { .room = 2 };
    struct vhc_port_config config = guest_config(&kernel);
    struct rte_mbuf *mbufs[32];

    (void) state;
    rig_attach(&config, 0, 0);
    give_back(9);
    assert_int_equal(rig_rx(mbufs), 6);
    rte_pktmbuf_free_bulk(mbufs, 6);
    assert_int_equal(rig_stats().rx_local, 2);
    rig_check_drops(VHC_DROP_NO_LOCAL, 1);
    rig_check_account(0, 0);
}

static void
test_no_kernel(void **state)
{
    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];

    (void) state;
    rig_attach(&config, 0, 0);
    give_back(32);
    assert_int_equal(rig_rx(mbufs), 21);
    rte_pktmbuf_free_bulk(mbufs, 21);
    assert_int_equal(rig_stats().rx_local, 0);
    rig_check_drops(VHC_DROP_NO_LOCAL, 11);
    rig_check_account(0, 0);
}

static void
send_one(void)
{
    struct rte_mbuf *m = rig_packet(rig.outside, 64, 0, 0);

    assert_int_equal(rig_tx(&m, 1), 1);
}

/* A frame for each time that the NF goes to sleep, and only then. */
static void
test_frame(void **state)
{
    struct vhc_port_config config = rig_config();
    uint32_t wake_seq;

    (void) state;
    rig_attach(&config, VHC_NF_F_FRAME, 0);
    wake_seq = rig.nf.host->wake_seq;
    assert_true(vhc_port_token(rig.port) == rig.nf.host->token);
    send_one();
    assert_false(vhc_port_wants_frame(rig.port, 0));
    for (uint32_t i = 1; i <= 3; i++) {
        rig.nf.nf->need_wakeup = i;
        assert_false(vhc_port_wants_frame(rig.port, 0));
        send_one();
        assert_true(vhc_port_wants_frame(rig.port, 0));
        assert_false(vhc_port_wants_frame(rig.port, 0));
        vhc_port_frame_done(rig.port, 0, false); /* Once more. */
        send_one();
        assert_true(vhc_port_wants_frame(rig.port, 0));
        vhc_port_frame_done(rig.port, 0, true);
        send_one();
        assert_false(vhc_port_wants_frame(rig.port, 0));
    }
    rig.nf.nf->need_wakeup = 0;
    send_one();
    assert_false(vhc_port_wants_frame(rig.port, 0));
    assert_int_equal(rig_stats().tx_wakeups, 3);
    assert_int_equal(rig.nf.host->wake_seq, wake_seq);
}

/* What one NF wanted the next does not get. */
static void
test_frame_of_another(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    rig_attach(&config, VHC_NF_F_FRAME, 0);
    rig.nf.nf->need_wakeup = 1;
    send_one();
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_false(vhc_port_wants_frame(rig.port, 0));
}

static void
check_detached(enum vhc_reason reason)
{
    struct vhc_port_info info;

    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    vhc_port_get_info(rig.port, &info);
    assert_int_equal(info.reason, reason);
    rig_check_account(0, 0);
}

static void
attach_anew(void)
{
    static uint32_t number = 100;

    fake_nf_request(&rig.nf, ++number);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
}

/* A VM that goes takes its NF along, however soon the next one comes, and not
 * the next one's. */
static void
test_vm_gone(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc desc;

    (void) state;
    rig_attach(&config, VHC_NF_F_FRAME, 0);
    vhc_port_set_vm(rig.port, VHC_VM_RUNS);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    rig_give(&desc, 1, 64);
    rig_check_account(1, 0);

    vhc_port_set_vm(rig.port, VHC_VM_STOPPED);
    vhc_port_set_vm(rig.port, VHC_VM_GONE);
    vhc_port_set_vm(rig.port, VHC_VM_RUNS);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    check_detached(VHC_REASON_VM_GONE);

    attach_anew();              /* Its driver is not up yet. */
    vhc_port_set_vm(rig.port, VHC_VM_GONE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    check_detached(VHC_REASON_VM_GONE);
}

/* An NF that is a process does not depend on a VM that has its port, too. */
static void
test_process_stays(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    rig_attach(&config, 0, 0);
    fake_nf_lock(&rig.nf);
    fake_nf_prepare(&rig.nf);
    rig.nf.nf->features = VHC_NF_F_LOCK;
    rig.nf.nf->request = 2;
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    check_detached(VHC_REASON_REPLACED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    vhc_port_set_vm(rig.port, VHC_VM_RUNS);
    vhc_port_set_vm(rig.port, VHC_VM_GONE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
}

/* Runs the port for 'ms', with an NF that moves if 'moves', until something
 * happens. */
static enum vhc_port_event
run_for(unsigned ms, bool moves)
{
    struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };

    for (unsigned i = 0; i < ms / 10; i++) {
        enum vhc_port_event event = vhc_port_run(rig.port);

        if (event != VHC_PORT_SAME) {
            return event;
        }
        rig.nf.nf->tick += moves;
        nanosleep(&nap, NULL);
    }
    return VHC_PORT_SAME;
}

/* A device that stops is the end of an NF only if that does not move. */
static void
test_vm_stopped(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc desc;

    (void) state;
    rig_attach(&config, VHC_NF_F_FRAME, 0);
    rig_give(&desc, 1, 64);
    vhc_port_set_vm(rig.port, VHC_VM_RUNS);
    assert_int_equal(run_for(100, true), VHC_PORT_SAME);
    vhc_port_set_vm(rig.port, VHC_VM_STOPPED);
    assert_int_equal(run_for(VHC_VM_PATIENCE_MS * 3 / 2, true),
                     VHC_PORT_SAME);
    rig_check_account(1, 0);
    assert_int_equal(run_for(VHC_VM_PATIENCE_MS * 10, false),
                     VHC_PORT_DETACHING);
    check_detached(VHC_REASON_VM_STOPPED);

    /* Resumed, it asks anew. */
    attach_anew();
    assert_int_equal(run_for(100, true), VHC_PORT_SAME);

    /* Nor does it live because another guest runs there by now. */
    vhc_port_set_vm(rig.port, VHC_VM_STOPPED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    vhc_port_set_vm(rig.port, VHC_VM_RUNS);
    assert_int_equal(run_for(VHC_VM_PATIENCE_MS * 10, false),
                     VHC_PORT_DETACHING);
    check_detached(VHC_REASON_VM_STOPPED);
}

/* An NF that a frame wakes and that does not move is gone, whatever its VM
 * does; any other may do so for ever. */
static void
test_stalled(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc desc;

    (void) state;
    rig_attach(&config, VHC_NF_F_FRAME, 0);
    rig_give(&desc, 1, 64);
    assert_int_equal(run_for(VHC_NF_PATIENCE_MS * 10, false),
                     VHC_PORT_DETACHING);
    check_detached(VHC_REASON_STALLED);

    fake_nf_prepare(&rig.nf);
    rig.nf.nf->request = 3;
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(run_for(VHC_NF_PATIENCE_MS * 3 / 2, false),
                     VHC_PORT_SAME);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_local),
        TEST(test_close),
        TEST(test_local_full),
        TEST(test_no_kernel),
        TEST(test_frame),
        TEST(test_frame_of_another),
        TEST(test_vm_gone),
        TEST(test_process_stays),
        TEST(test_vm_stopped),
        TEST(test_stalled),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
