/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* A switch that finds what it does not expect: another configuration, ports
 * that do not come back, pools that somebody still maps, garbage. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "again.h"
#include "eal.h"

#define N_GARBAGE 300           /* Times. */

static const char *
pool_file(void)
{
    return scratch_file(&sandbox_pools, "ovs-chain.blue");
}

static void
attach(void)
{
    struct vhc_port_config config = rig_config();

    rig_attach(&config, 0, 0);
}

static void
send_one(void)
{
    struct rte_mbuf *m = rig_packet(vhc_pool_mempool(rig.pool), 64, 0, 0);

    assert_int_equal(rig_tx(&m, 1), 1);
}

/* A port that differs is made anew, and what its NF held is free. */
static void
test_other_config(void **state)
{
    (void) state;
    for (int i = 0; i < 5; i++) {
        struct vhc_port_config config = rig_config();

        attach();
        send_one();
        again_end();
        again_begin_pool(true);
        switch (i) {
        case 0: config.n_queues = 2; break;
        case 1: config.ring_size *= 2; break;
        case 2: config.access = VHC_READ_ONLY; break;
        case 3: config.file = "another"; break;
        default:
            unlink(scratch_file(&sandbox_links, "ovs-chain.blue.fw"));
        }
        assert_int_equal(sandbox_account(rig.pool).owned, 1);
        rig.port = rig_open(&config);
        assert_false(vhc_port_is_attached(rig.port));
        rig_check_account(0, 0);
        vhc_port_close(rig.port, true);
        rig.port = NULL;
        fake_nf_close(&rig.nf);
        rig.nf.host = NULL;
        unlink(scratch_file(&sandbox_links, "ovs-chain.blue.fw"));
    }
}

/* What may change: credits and frame length. */
static void
test_same_config(void **state)
{
    struct vhc_port_config config = rig_config();

    (void) state;
    attach();
    send_one();
    send_one();
    again_end();
    again_begin_pool(true);
    config.credits = 1;
    config.max_len = 1000;
    rig.port = rig_open(&config);
    again_check_attached(2);
    assert_int_equal(rig.nf.host->max_len, 1000);
    assert_int_equal(rig.nf.host->credits, 1);
}

/* Buffers of a port that does not come back are kept for it until the pool
 * settles; other ports get other slots. */
static void
test_settle(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *other;

    (void) state;
    attach();
    send_one();
    again_end();
    again_begin_pool(true);
    config.name = "other";
    other = rig_open(&config);
    assert_int_equal(again_info(other).owned, 0);
    assert_int_equal(sandbox_account(rig.pool).owned, 1);
    assert_int_equal(rig.nf.host->state, VHC_ATTACHED);
    vhc_pool_settle(rig.pool);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
    assert_int_equal(rig.nf.host->state, VHC_DETACHED); /* It is told. */
    assert_int_equal(rig.nf.host->reason, VHC_REASON_CLOSED);
    assert_int_equal(rig.nf.host->answer, 0);
    vhc_pool_settle(rig.pool);
    vhc_port_close(other, true);

    config.name = "fw";
    rig.port = rig_open(&config);
    assert_false(vhc_port_is_attached(rig.port));
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
    vhc_pool_settle(rig.pool);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    vhc_pool_settle(rig.pool);
    again_restart();
    assert_true(vhc_port_is_attached(rig.port));
    assert_int_equal(rig.nf.host->generation, 2);
}

/* The same, and the NF was about to be detached: it is told, too. */
static void
test_settle_detaching(void **state)
{
    (void) state;
    attach();
    send_one();
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    again_end();
    again_begin_pool(true);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
    vhc_pool_settle(rig.pool);
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
    assert_int_equal(rig.nf.host->generation, 1);
}

/* The ring file of a port that does not come back is gone, and its inode is
 * another file's by now, which nobody may write to. */
static void
test_other_file(void **state)
{
    const char *path = scratch_file(&sandbox_links, "other");
    char buf[16384], zeros[sizeof buf] = { 0 };
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    struct stat st;

    (void) state;
    assert_int_equal(ftruncate(fd, sizeof buf), 0);
    assert_int_equal(fstat(fd, &st), 0);
    attach();
    send_one();
    again_end();
    again.records[1].inode = st.st_ino;
    again_begin_pool(true);
    vhc_pool_settle(rig.pool);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);
    assert_int_equal(pread(fd, buf, sizeof buf, 0), sizeof buf);
    assert_memory_equal(buf, zeros, sizeof buf);
    close(fd);
    unlink(path);
}

/* A port that is closed is not remembered. */
static void
test_closed(void **state)
{
    (void) state;
    attach();
    send_one();
    vhc_port_close(rig.port, false);
    rig.port = NULL;
    again_end();
    for (int i = 1; i <= VHC_MAX_SLOTS; i++) {
        assert_int_equal(again.records[i].n_queues, 0);
    }
    again_begin();
    assert_false(vhc_port_is_attached(rig.port));
    rig_check_account(0, 0);
}

/* Returns a process that maps the pool file until it is killed. */
static pid_t
make_mapper(void)
{
    int fd = open(pool_file(), O_RDWR);
    struct stat st;
    pid_t pid;
    void *p;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    close(fd);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* If the test fails. */
        pause();
        _exit(0);
    }
    munmap(p, st.st_size);
    return pid;
}

static void
end_mapper(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* A pool that changes while a process still maps it is refused, in words; one
 * that nobody maps is made anew. */
static void
test_mapped(void **state)
{
    (void) state;
    for (int i = 0; i < 3; i++) {
        struct vhc_pool_config config = sandbox_config();
        char *message = NULL;
        char who[64];
        struct stat before, after;
        pid_t pid;

        again_end();
        pid = make_mapper();
        snprintf(who, sizeof who, "process %d (test-leftovers) still maps it",
                 (int) pid);
        switch (i) {
        case 0: config.size *= 2; break;
        case 1: config.buffer_size = 4096; break;
        default:
            config.size = 4 * MIB;
            ((struct vhc_ledger_head *) again.records)->abi_version++;
        }
        munmap(again.records, again.size);
        assert_int_equal(stat(pool_file(), &before), 0);
        assert_int_equal(vhc_pool_create(&config, &rig.pool, &message), EBUSY);
        assert_null(rig.pool);
        assert_non_null(strstr(message, who));
        assert_non_null(strstr(message, pool_file()));
        free(message);
        assert_int_equal(stat(pool_file(), &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(before.st_size, after.st_size);

        end_mapper(pid);
        rig.pool = sandbox_create(&config);
        assert_int_equal(sandbox_account(rig.pool).owned, 0);
    }
}

/* A pool that is as it was may be mapped by anybody. */
static void
test_mapped_same(void **state)
{
    pid_t pid;

    (void) state;
    again_end();
    pid = make_mapper();
    again_begin();
    end_mapper(pid);
}

/* Returns true once in 'n' times. */
static bool
one_in(int n)
{
    return random() % n == 0;
}

static void
scramble(void *p, size_t size, int rate)
{
    for (size_t i = 0; i < size; i++) {
        if (one_in(rate)) {
            ((uint8_t *) p)[i] = random();
        }
    }
}

/* Owners and records as they might be, and some that are not. */
static void
scramble_ledger(void)
{
    size_t n_ids = (again.size - VHC_LEDGER_OWNER_OFF)
                   / sizeof *again.owner;

    for (uint32_t i = 1; i < 12; i++) {
        bool good = one_in(2);

        again.records[i] = (struct vhc_record) {
            .n_queues = good ? 1 : random() % 4,
            .ring_size = one_in(8) ? random() : RIG_RING_SIZE,
            .token = good + random() % 2,
            .attached = good || one_in(2),
            .number = good + random() % 2,
            .generation = good + random() % 2,
            .fill_level = random() % 128,
            .features = random() % 8,
            .peer = one_in(2) ? random() % 12 : 0,
        };
        snprintf(again.records[i].name, VHC_NAME_SIZE,
                 one_in(2) ? "fw" : "out");
    }
    scramble(&again.records[1], 16 * sizeof *again.records, 1000);
    for (size_t i = 0; i < n_ids; i++) {
        again.owner[i] = (one_in(3) ? random() % 12
                          : one_in(100) ? random() : again.owner[i]);
    }
}

/* Makes some of the records of port 'name' fit its ring file, which 'nf' has
 * open. */
static void
fit_records(struct fake_nf *nf, const char *name)
{
    struct stat st;

    assert_int_equal(fstat(nf->fd, &st), 0);
    for (int i = 1; i < 12; i++) {
        struct vhc_record *r = &again.records[i];

        if (!strncmp(r->name, name, VHC_NAME_SIZE) && !one_in(8)) {
            r->inode = st.st_ino;
            r->rx_next = fake_nf_ring(nf, 0, VHC_RX)->prod + random() % 33;
            r->fill_next = fake_nf_ring(nf, 0, VHC_FILL)->prod
                           + random() % 33;
        }
    }
}

/* Fills the rings of 'nf' with what may be packets of anybody. */
static void
scramble_rings(struct fake_nf *nf)
{
    for (int role = 0; role < VHC_N_RINGS; role++) {
        struct vhc_ring *ring = fake_nf_ring(nf, 0, role);

        for (int i = 0; i < RIG_RING_SIZE; i++) {
            ring->desc[i] = (struct vhc_desc) {
                .buf = random() % 2048, .off = 128, .len = 64
            };
        }
        ring->cons = random() % 64;
        ring->prod = ring->cons + random() % 33;
        scramble(ring, 256, one_in(4) ? 10 : 1000);
    }
    scramble(nf->nf, sizeof *nf->nf, one_in(4) ? 10 : 1000);
}

/* Opens both ports and lets packets flow, as far as they do.  Returns how many
 * ports had an NF. */
static int
use(void)
{
    int n_attached;

    struct vhc_port_config config = rig_config();
    struct rte_mbuf *mbufs[32];
    struct vhc_port *out;

    rig.port = rig_open(&config);
    config.name = "out";
    out = rig_open(&config);
    n_attached = vhc_port_is_attached(rig.port) + vhc_port_is_attached(out);
    for (int i = 0; i < 10; i++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(vhc_pool_mempool(rig.pool));
        unsigned n = vhc_port_rx(rig.port, 0, mbufs, 31);

        if (m) {
            rte_pktmbuf_append(m, 64);
            mbufs[n++] = m;
        }
        vhc_port_tx(out, 0, mbufs, n);
        n = vhc_port_rx(out, 0, mbufs, 32);
        rig_tx(mbufs, n);
        if (i == 5) {
            vhc_pool_settle(rig.pool);
        }
    }
    assert_int_equal(sandbox_account(rig.pool).in_switch, 0);
    vhc_port_close(rig.port, false);
    rig.port = NULL;
    vhc_port_close(out, false);
    assert_int_equal(sandbox_account(rig.pool).free,
                     sandbox_account(rig.pool).all);
    return n_attached;
}

/* Garbage of all kinds behind a good head: all buffers are found. */
static void
test_garbage(void **state)
{
    struct vhc_port_config config = rig_config();
    struct fake_nf nf;
    struct vhc_port *out;
    unsigned n_attached = 0;

    (void) state;
    srandom(3);
    attach();
    config.name = "out";
    out = rig_open(&config);
    fake_nf_open(&nf, scratch_file(&sandbox_links, "ovs-chain.blue.out"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    vhc_port_abandon(out);
    for (int i = 0; i < N_GARBAGE; i++) {
        again_end();
        scramble_ledger();
        scramble_rings(&rig.nf);
        scramble_rings(&nf);
        fit_records(&rig.nf, "fw");
        fit_records(&nf, "out");
        again_begin_pool(true);
        n_attached += use();
    }
    print_message("%d times, %u NFs attached\n", N_GARBAGE, n_attached);
    assert_true(n_attached > N_GARBAGE / 20);
    fake_nf_close(&nf);
    unlink(scratch_file(&sandbox_links, "ovs-chain.blue.out"));
}

/* A head that is not quite right: a new pool. */
static void
test_bad_head(void **state)
{
    (void) state;
    for (int i = 0; i < 4; i++) {
        struct vhc_ledger_head *head;

        attach();
        send_one();
        again_end();
        head = (struct vhc_ledger_head *) again.records;
        switch (i) {
        case 0: head->magic = 0; break;
        case 1: head->version++; break;
        case 2: head->inode++; break;
        default: scramble(head, again.size, 1);
        }
        again_begin_pool(false);
        assert_int_equal(sandbox_account(rig.pool).owned, 0);
        unlink(scratch_file(&sandbox_links, "ovs-chain.blue.fw"));
        fake_nf_close(&rig.nf);
        rig.nf.host = NULL;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_other_config),
        TEST(test_same_config),
        TEST(test_settle),
        TEST(test_settle_detaching),
        TEST(test_other_file),
        TEST(test_closed),
        TEST(test_mapped),
        TEST(test_mapped_same),
        TEST(test_garbage),
        TEST(test_bad_head),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
