/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* AddressSanitizer knows which buffers of a pool the switch has in hand, and
 * that the rest is not the switch's to touch. */

#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "again.h"
#include "eal.h"
#include "pool-private.h"

#define N_BUFFERS 1754          /* Of a pool of 4 MiB. */

/* Checks that all of the buffer 'id' and of its mbuf is poisoned, or none. */
static void
check_buffer(uint32_t id, bool poisoned)
{
    const struct vhc_geometry *g = &rig.pool->geometry;
    uint8_t *data = rig.pool->base + vhc_geometry_offset(g, id);
    uint8_t *m = (uint8_t *) rig.pool->mbufs[id];

    for (uint32_t i = 0; i < g->stride; i += i < g->stride - 64 ? 64 : 63) {
        assert_int_equal(!__asan_address_is_poisoned(data + i), !poisoned);
    }
    for (uint32_t i = 0; i < rig.pool->mp->elt_size; i += 8) {
        assert_int_equal(!__asan_address_is_poisoned(m + i), !poisoned);
    }
}

/* Checks that 'n' buffers are the switch's and nothing else behind the
 * superblock is. */
static void
check_in_hand(uint32_t n)
{
    const struct vhc_geometry *g = &rig.pool->geometry;
    uint64_t size = 0;

    for (uint64_t i = g->direct_off; i < g->size; i += 64) {
        size += 64 * !__asan_address_is_poisoned(rig.pool->base + i);
    }
    assert_int_equal(size, (uint64_t) n * g->stride);
}

static uint32_t
id_of(const struct rte_mbuf *m)
{
    return vhc_pool_id(rig.pool, m);
}

static struct rte_mbuf *
packet(void)
{
    return rig_packet(rig.pool->mp, 64, 'x', 0);
}

/* Sends a packet to the NF, which takes it, and returns the buffer. */
static uint32_t
give(struct vhc_desc *desc)
{
    struct rte_mbuf *m = packet();
    uint32_t id = id_of(m);

    check_buffer(id, false);
    assert_int_equal(rig_tx(&m, 1), 1);
    check_buffer(id, true);
    assert_int_equal(fake_nf_get(&rig.nf, 0, desc, 1), 1);
    return id;
}

static int
setup(void **state)
{
    struct vhc_port_config config = rig_config();

    rig_setup(state);
    check_in_hand(0);
    rig_attach(&config, 0, 0);
    return 0;
}

static void
test_allocate(void **state)
{
    struct rte_mbuf *mbufs[N_BUFFERS];

    (void) state;
    for (int i = 0; i < N_BUFFERS; i++) {
        mbufs[i] = packet();
        check_buffer(id_of(mbufs[i]), false);
        check_in_hand(i + 1);
    }
    for (int i = N_BUFFERS; i-- > 0;) {
        uint32_t id = id_of(mbufs[i]);

        rte_pktmbuf_free(mbufs[i]);
        check_buffer(id, true);
        check_in_hand(i);
    }
}

/* To the NF and back. */
static void
test_forward(void **state)
{
    struct rte_mbuf *mbufs[32];
    struct vhc_desc desc;
    uint32_t id = give(&desc);

    (void) state;
    check_in_hand(0);
    memset(fake_nf_data(&rig.nf, &desc), 'y', 64);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    check_in_hand(0);
    assert_int_equal(rig_rx(mbufs), 1);
    check_buffer(id, false);
    check_in_hand(1);
    rig_check_packet(mbufs[0], 64, 'y', 0);
    check_in_hand(0);
}

/* What the NF drops, or sends as nonsense, is free. */
static void
test_drop(void **state)
{
    struct rte_mbuf *mbufs[32];
    struct vhc_desc desc;
    uint32_t id = give(&desc);

    (void) state;
    desc.verdict = VHC_DROP;
    fake_nf_put(&rig.nf, 0, &desc, 1);
    assert_int_equal(rig_rx(mbufs), 0);
    check_buffer(id, true);
    id = give(&desc);
    desc.off = UINT16_MAX;
    fake_nf_put(&rig.nf, 0, &desc, 1);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    assert_int_equal(rig_rx(mbufs), 0);
    check_buffer(id, true);
    check_in_hand(0);
    rig_check_account(0, 0);
}

/* Taken back from an NF that leaves, a buffer is as good as any. */
static void
test_reclaim(void **state)
{
    struct vhc_desc desc;

    (void) state;
    give(&desc);
    fake_nf_leave(&rig.nf);
    again_detach(VHC_REASON_LEFT);
    check_in_hand(0);
    test_allocate(state);
}

/* What NFs hold when a switch starts is not the switch's. */
static void
test_restart(void **state)
{
    struct rte_mbuf *mbufs[32];
    struct vhc_desc desc;
    uint32_t id = give(&desc);

    (void) state;
    again_restart();
    check_buffer(id, true);
    check_in_hand(0);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    assert_int_equal(rig_rx(mbufs), 1);
    check_buffer(id, false);
    rig_check_packet(mbufs[0], 64, 'x', 0);
}

static void
test_originate(void **state)
{
    struct rte_mbuf *mbufs[32];
    struct vhc_desc descs[8];

    (void) state;
    fake_nf_leave(&rig.nf);
    again_detach(VHC_REASON_LEFT);
    fake_nf_prepare(&rig.nf);
    rig.nf.nf->fill_level = 8;
    __atomic_store_n(&rig.nf.nf->request, 2, __ATOMIC_RELEASE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(rig_rx(mbufs), 0);
    assert_int_equal(fake_nf_get_empty(&rig.nf, 0, descs, 8), 8);
    check_in_hand(0);
    descs[0].len = 64;
    memset(fake_nf_data(&rig.nf, &descs[0]), 'z', 64);
    fake_nf_put(&rig.nf, 0, descs, 1);
    assert_int_equal(rig_rx(mbufs), 1);
    check_in_hand(1);
    rig_check_packet(mbufs[0], 64, 'z', 0);
}

/* Memory that is not the pool's any more is anybody's. */
static void
test_destroy(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pool;
    uint8_t *base;

    (void) state;
    config.name = "red";
    pool = sandbox_create(&config);
    base = pool->base;
    assert_non_null(__asan_region_is_poisoned(base, 4 * MIB));
    vhc_pool_destroy(pool, true);
    assert_null(__asan_region_is_poisoned(base, 4 * MIB));
}

/* What a switch must not do, each of which ends it.  DPDK's memory is shared
 * with the process that forked, so no buffer may be lost. */

static void
use_given(struct rte_mbuf *m)
{
    volatile uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

    rig_tx(&m, 1);
    data[0]++;
}

static void
use_freed(struct rte_mbuf *m)
{
    volatile uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

    rte_pktmbuf_free(m);
    data[0]++;
}

static void
free_given(struct rte_mbuf *m)
{
    struct rte_mbuf *same = m;

    rig_tx(&m, 1);
    vhc_pool_put(rig.pool, &same, 1);
}

static void
free_twice(struct rte_mbuf *m)
{
    vhc_pool_put(rig.pool, &m, 1);
    vhc_pool_put(rig.pool, &m, 1);
}

static void
use_next(struct rte_mbuf *m)
{
    volatile uint8_t *end = (uint8_t *) m->buf_addr + m->buf_len;

    rte_pktmbuf_free(m);
    *end = 0;
}

static void
use_no_buffer(struct rte_mbuf *m)
{
    rte_pktmbuf_free(m);
    rig.pool->base[rig.pool->geometry.direct_off] = 0;
}

static void
test_errors(void **state)
{
    static void (*const errors[])(struct rte_mbuf *) = {
        use_given, use_freed, free_given, free_twice, use_next,
        use_no_buffer,
    };

    (void) state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (!pid) {
            dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
            errors[i](packet());
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!status) {
            fail_msg("error %zu is not found", i);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, rig_teardown)
        TEST(test_allocate),
        TEST(test_forward),
        TEST(test_drop),
        TEST(test_reclaim),
        TEST(test_restart),
        TEST(test_originate),
        TEST(test_destroy),
        TEST(test_errors),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
