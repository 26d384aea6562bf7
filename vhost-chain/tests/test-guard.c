/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Somebody truncates a file that the switch has mapped: the switch lives, and
 * who did it is detached. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "guard.h"
#include "rig.h"

/* cmocka takes SIGBUS for itself before each test, which takes it back. */
static struct sigaction guard_action;

static void
take_sigbus(void)
{
    assert_int_equal(sigaction(SIGBUS, &guard_action, NULL), 0);
}

static const char *
ring_file(void)
{
    return scratch_file(&sandbox_links, "ovs-chain.blue.fw");
}

static const char *
pool_file(void)
{
    return scratch_file(&sandbox_links, "ovs-chain.blue");
}

static int
setup(void **state)
{
    struct vhc_port_config config = rig_config();

    rig_setup(state);
    rig_attach(&config, 0, 0);
    return 0;
}

/* Maps 'size' bytes of a new file, whose descriptor goes to '*fdp'. */
static uint8_t *
map_new(size_t size, int *fdp)
{
    const char *path = scratch_file(&sandbox_links, "new");
    void *p;

    *fdp = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(*fdp >= 0);
    unlink(path);
    assert_int_equal(ftruncate(*fdp, size), 0);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fdp, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static void
test_mapping(void **state)
{
    size_t size = 16 * 4096;
    uint8_t *p[2];
    bool lost[2] = { false, false };
    int fd[2];

    (void) state;
    take_sigbus();
    for (int i = 0; i < 2; i++) {
        p[i] = map_new(size, &fd[i]);
        memset(p[i], 'x', size);
        assert_int_equal(vhc_guard_add(p[i], size, &lost[i]), 0);
    }
    assert_int_equal(ftruncate(fd[1], 4096), 0);
    assert_int_equal(p[1][4095], 'x'); /* Still there. */
    assert_false(lost[1]);
    assert_int_equal(p[1][size - 1], 0);
    assert_true(lost[1]);
    assert_int_equal(p[1][0], 0);
    p[1][4096] = 'y';
    assert_int_equal(p[1][4096], 'y');
    assert_false(lost[0]);
    assert_int_equal(p[0][size - 1], 'x');
    for (int i = 0; i < 2; i++) {
        vhc_guard_remove(p[i]);
        munmap(p[i], size);
        close(fd[i]);
    }
}

/* What is not guarded, or no longer, ends the process as before. */
static void
test_elsewhere(void **state)
{
    bool lost = false;
    int fd, status;
    uint8_t *p;
    pid_t pid;

    (void) state;
    take_sigbus();
    p = map_new(4096, &fd);
    assert_int_equal(vhc_guard_add(p, 4096, &lost), 0);
    vhc_guard_remove(p);
    assert_int_equal(ftruncate(fd, 0), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        _exit(*(volatile uint8_t *) p);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
    assert_false(lost);
    munmap(p, 4096);
    close(fd);
}

static void
detach(void)
{
    struct vhc_port_info info;

    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    vhc_port_get_info(rig.port, &info);
    assert_int_equal(info.reason, VHC_REASON_LOST);
    rig_check_account(0, 0);
}

/* The next NF finds a file that works. */
static void
test_ring_file(void **state)
{
    struct vhc_desc descs[4];
    struct rte_mbuf *mbufs[32];

    (void) state;
    take_sigbus();
    rig_give(descs, 4, 64);
    fake_nf_put(&rig.nf, 0, descs, 2);
    assert_int_equal(ftruncate(rig.nf.fd, 0), 0);
    assert_int_equal(rig_rx(mbufs), 0);
    mbufs[0] = rig_packet(rig.outside, 64, 0, 0);
    rig_tx(mbufs, 1);
    detach();
    vhc_port_run(rig.port);     /* Makes the file whole. */

    fake_nf_close(&rig.nf);
    fake_nf_open(&rig.nf, ring_file(), pool_file());
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    rig_give(descs, 4, 64);
    fake_nf_put(&rig.nf, 0, descs, 1);
    assert_int_equal(rig_rx(mbufs), 1);
    rig_check_packet(mbufs[0], 64, 0, 0);
}

/* Found out by the control thread, with no packet to find it. */
static void
test_idle(void **state)
{
    struct vhc_port_info info;

    (void) state;
    take_sigbus();
    assert_int_equal(ftruncate(rig.nf.fd, 4096), 0);
    for (int i = 0; i < 2 && vhc_port_is_attached(rig.port); i++) {
        if (vhc_port_run(rig.port) == VHC_PORT_DETACHING) {
            vhc_port_quiesced(rig.port);
        }
    }
    assert_false(vhc_port_is_attached(rig.port));
    vhc_port_get_info(rig.port, &info);
    assert_int_equal(info.reason, VHC_REASON_LOST);
    rig_check_account(0, 0);
}

/* Nobody can attach to a pool that was truncated, and it says why. */
static void
test_pool_file(void **state)
{
    struct vhc_desc descs[4];
    struct rte_mbuf *mbufs[32];
    struct vhc_port_info port;
    struct vhc_pool_info pool;
    uint8_t sum = 0;

    (void) state;
    take_sigbus();
    vhc_pool_get_info(rig.pool, &pool);
    assert_false(pool.lost);
    rig_give(descs, 4, 64);
    fake_nf_put(&rig.nf, 0, descs, 2);
    assert_int_equal(truncate(pool_file(), 0), 0);
    assert_int_equal(rig_rx(mbufs), 2);
    for (int i = 0; i < 2; i++) {
        sum |= *rte_pktmbuf_mtod(mbufs[i], uint8_t *);
        rte_pktmbuf_free(mbufs[i]);
    }
    assert_int_equal(sum, 0);
    vhc_pool_get_info(rig.pool, &pool);
    assert_true(pool.lost);
    detach();

    __atomic_store_n(&rig.nf.nf->request, 2, __ATOMIC_RELEASE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_REFUSED);
    vhc_port_get_info(rig.port, &port);
    assert_int_equal(port.reason, VHC_REASON_LOST);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, rig_teardown)
        cmocka_unit_test_setup_teardown(test_mapping, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(test_elsewhere, sandbox_setup,
                                        sandbox_teardown),
        TEST(test_ring_file),
        TEST(test_idle),
        TEST(test_pool_file),
#undef TEST
    };
    bool lost;

    /* Installs the handler, before cmocka comes. */
    if (vhc_guard_add(&lost, 1, &lost)) {
        return 1;
    }
    vhc_guard_remove(&lost);
    sigaction(SIGBUS, NULL, &guard_action);
    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
