/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* NFs that come and go, are refused, die and break the rules. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "rig.h"

static const char *
ring_file(void)
{
    return scratch_file(&sandbox_links, "ovs-chain.blue.fw");
}

static struct vhc_port_info
info(void)
{
    struct vhc_port_info i;

    vhc_port_get_info(rig.port, &i);
    return i;
}

static void
test_attach(void **state)
{
    struct vhc_port_config config = rig_config();
    const struct vhc_ctrl_host *host;
    uint32_t tick;

    (void) state;
    rig_attach(&config, 0, 0);
    host = rig.nf.host;
    assert_int_equal(host->answer, 1);
    assert_int_equal(host->state, VHC_ATTACHED);
    assert_int_equal(host->reason, VHC_REASON_NONE);
    assert_int_equal(host->generation, 1);
    assert_true(host->token != 0);
    assert_true(vhc_port_is_attached(rig.port));
    assert_int_equal(info().state, VHC_ATTACHED);
    assert_int_equal(info().generation, 1);
    assert_int_equal(info().pid, getpid());
    assert_string_equal(info().nf, "fake-nf");

    tick = host->tick;
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    assert_int_not_equal(host->tick, tick);

    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_false(vhc_port_is_attached(rig.port));
    assert_int_equal(host->state, VHC_ATTACHED); /* Not yet. */
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(host->answer, 0);
    assert_int_equal(host->state, VHC_DETACHED);
    assert_int_equal(host->reason, VHC_REASON_LEFT);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);

    fake_nf_request(&rig.nf, 1); /* Answered once. */
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(host->generation, 2);
}

/* Each thing that an NF can do wrong when it asks to attach. */
static void
spoil(struct fake_nf *f, enum vhc_reason reason)
{
    fake_nf_prepare(f);
    switch ((int) reason) {
    case VHC_REASON_ABI: f->nf->abi_version = 2; break;
    case VHC_REASON_POOL: f->nf->pool_uuid[7] ^= 1; break;
    case VHC_REASON_FEATURES: f->nf->features = 1u << 31; break;
    case VHC_REASON_QUEUES: f->nf->n_queues = 2; break;
    case VHC_REASON_PEER: f->nf->peer_token = 1; break;
    case VHC_REASON_RESERVED: f->nf->reserved0[1] = 1; break;
    default: fail();
    }
}

static void
check_refused(uint32_t request, enum vhc_reason reason)
{
    __atomic_store_n(&rig.nf.nf->request, request, __ATOMIC_RELEASE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_REFUSED);
    assert_false(vhc_port_is_attached(rig.port));
    assert_int_equal(rig.nf.host->answer, request);
    assert_int_equal(rig.nf.host->state, VHC_REFUSED);
    assert_int_equal(rig.nf.host->reason, reason);
    assert_int_equal(rig.nf.host->generation, 1);
    assert_int_equal(info().state, VHC_REFUSED);
    assert_int_equal(info().reason, reason);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
}

static void
test_refused(void **state)
{
    static const enum vhc_reason reasons[] = {
        VHC_REASON_ABI, VHC_REASON_POOL, VHC_REASON_FEATURES,
        VHC_REASON_QUEUES, VHC_REASON_PEER, VHC_REASON_RESERVED,
    };
    struct vhc_port_config config = rig_config();
    uint32_t request = 2;

    (void) state;
    rig_attach(&config, 0, 0);
    fake_nf_leave(&rig.nf);
    vhc_port_run(rig.port);
    vhc_port_quiesced(rig.port);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        spoil(&rig.nf, reasons[i]);
        check_refused(request++, reasons[i]);
    }

    /* Each of the three indices that are the NF's. */
    for (int role = 0; role < VHC_N_RINGS; role++) {
        struct vhc_ring *ring;

        fake_nf_prepare(&rig.nf);
        ring = fake_nf_ring(&rig.nf, 0, role);
        *(role == VHC_TX ? &ring->prod : &ring->cons) = 1;
        check_refused(request++, VHC_REASON_INDICES);
    }
    fake_nf_request(&rig.nf, request);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
}

/* What the NF held, wherever it was, is back in the pool. */
static void
check_detach(enum vhc_reason reason)
{
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
    assert_int_equal(rig.nf.host->answer, 0);
    assert_int_equal(rig.nf.host->reason, reason);
    assert_int_equal(info().reason, reason);
    assert_false(vhc_port_is_attached(rig.port));
    rig_check_account(0, 0);
}

static void
test_reclaim(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[10];
    struct rte_mbuf *m;

    (void) state;
    rig_attach(&config, 0, 16);
    assert_int_equal(rig_rx(&m), 0);        /* 16 in the fill ring, */
    rig_give(descs, 10, 64);                /* 7 in the NF's hands, */
    fake_nf_put(&rig.nf, 0, descs, 3);      /* 3 in the tx ring, */
    for (int i = 0; i < 5; i++) {           /* 5 in the rx ring. */
        m = rig_packet(rig.outside, 64, 0, 0);
        assert_int_equal(rig_tx(&m, 1), 1);
    }
    rig_check_account(31, 0);
    fake_nf_leave(&rig.nf);
    check_detach(VHC_REASON_LEFT);
}

static void
test_replaced(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc desc;
    struct rte_mbuf *m;

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(&desc, 1, 64);
    fake_nf_request(&rig.nf, 2);
    check_detach(VHC_REASON_REPLACED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    fake_nf_put(&rig.nf, 0, &desc, 1); /* Not the new one's. */
    assert_int_equal(rig_rx(&m), 0);
    rig_check_drops(VHC_DROP_NOT_OWNER, 1);
}

/* Waits for a byte, takes the NF's lock, says so, and ends when the other end
 * of 'in' is closed. */
static void
run_child(int in, int result)
{
    struct flock lock = { .l_type = F_WRLCK, .l_start = 0, .l_len = 1 };
    char c;
    int fd;

    if (read(in, &c, 1) == 1 && (fd = open(ring_file(), O_RDWR)) >= 0
        && !fcntl(fd, F_OFD_SETLK, &lock) && write(result, &c, 1) == 1) {
        while (read(in, &c, 1) > 0) {
            continue;
        }
        _exit(0);
    }
    _exit(1);
}

/* A process that holds the lock, and dies. */
static void
test_gone(void **state)
{
    struct vhc_port_config config = rig_config();
    int in[2], result[2], status;
    struct vhc_desc desc;
    pid_t pid;
    char c;

    (void) state;
    assert_int_equal(pipe(in) | pipe(result), 0);
    pid = fork();               /* Before there are locks to inherit. */
    assert_true(pid >= 0);
    if (!pid) {
        close(in[1]);
        run_child(in[0], result[1]);
    }
    close(in[0]);
    close(result[1]);
    rig_attach(&config, 0, 0);
    assert_int_equal(write(in[1], "", 1), 1);
    assert_int_equal(read(result[0], &c, 1), 1);

    fake_nf_request(&rig.nf, 2);
    rig.nf.nf->features = VHC_NF_F_LOCK;
    check_detach(VHC_REASON_REPLACED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    rig_give(&desc, 1, 64);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    close(in[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    check_detach(VHC_REASON_GONE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    close(result[0]);
}

/* One that says that it holds the lock and does not. */
static void
test_not_locked(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    rig_attach(&config, VHC_NF_F_LOCK, 0);
    check_detach(VHC_REASON_GONE);
    fake_nf_lock(&rig.nf);
    fake_nf_prepare(&rig.nf);
    rig.nf.nf->features = VHC_NF_F_LOCK;
    rig.nf.nf->request = 2;
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
}

/* Writes 'value' to an index of the NF's and lets the data path see it. */
static void
test_corrupt(void **state)
{
    static const struct {
        enum vhc_ring_role role;
        uint32_t value;
    } cases[] = {
        { VHC_RX, 1000 }, { VHC_RX, UINT32_MAX - 64 }, { VHC_RX, 1u << 31 },
        { VHC_TX, 65 }, { VHC_TX, UINT32_MAX }, { VHC_TX, 1u << 31 },
        { VHC_FILL, 17 }, { VHC_FILL, UINT32_MAX - 48 }, /* 65 entries. */
    };
    struct vhc_port_config config = rig_config();

    (void) state;
    rig_attach(&config, 0, 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rte_mbuf *mbufs[32];
        struct vhc_ring *ring;
        uint64_t n_packets;

        assert_int_equal(rig_rx(mbufs), 0); /* Fills. */
        for (int j = 0; j < 5; j++) {
            mbufs[0] = rig_packet(rig.outside, 64, 0, 0);
            assert_int_equal(rig_tx(mbufs, 1), 1);
        }
        n_packets = rig_stats().rx_packets;
        ring = fake_nf_ring(&rig.nf, 0, cases[i].role);
        *(cases[i].role == VHC_TX ? &ring->prod : &ring->cons)
            = cases[i].value;
        for (int j = 0; j < 3; j++) {
            assert_int_equal(rig_rx(mbufs), 0);
            for (int k = 0; k < 32; k++) {
                mbufs[k] = rig_packet(rig.outside, 64, 0, 0);
            }
            rig_tx(mbufs, 32);  /* More than the cached index allows. */
        }
        assert_int_equal(rig_stats().rx_packets, n_packets);
        check_detach(VHC_REASON_CORRUPT);

        fake_nf_prepare(&rig.nf);
        rig.nf.nf->fill_level = 16;
        rig.nf.nf->request = i + 2;
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_attach),
        TEST(test_refused),
        TEST(test_reclaim),
        TEST(test_replaced),
        TEST(test_gone),
        TEST(test_not_locked),
        TEST(test_corrupt),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
