/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The buffers of a pool as DPDK sees them, and the table of their owners. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "eal.h"
#include "pool-private.h"
#include "sandbox.h"

static unsigned n_inits;        /* Calls of 'mbuf_init'. */

static void
count_init(struct rte_mempool *mp, void *aux, void *mbuf, unsigned index)
{
    struct rte_mbuf *m = mbuf;

    assert_ptr_equal(m->pool, mp);
    assert_null(aux);
    assert_int_equal(index, n_inits);
    memset(rte_mbuf_to_priv(m), 0x5a, SANDBOX_PRIV_SIZE);
    n_inits++;
}

/* Checks mbuf 'm', fresh from the pool, and returns its buffer's id. */
static uint32_t
check_mbuf(const struct vhc_pool *pool, struct rte_mbuf *m)
{
    const struct vhc_geometry *g = &pool->geometry;
    size_t off = (uint8_t *) m->buf_addr - pool->base;
    uint32_t id = vhc_pool_id(pool, m);

    assert_true(vhc_geometry_is_buffer(g, id));
    assert_int_equal(vhc_geometry_offset(g, id), off);
    assert_ptr_equal(vhc_pool_mbuf(pool, id), m);
    assert_int_equal(pool->owner[id], VHC_OWNER_HOST);
    assert_int_equal(m->buf_len, g->stride);
    assert_int_equal(m->data_off, 128);
    assert_int_equal(rte_pktmbuf_tailroom(m), g->stride - 128);
    assert_true(RTE_MBUF_HAS_EXTBUF(m));
    assert_true(RTE_MBUF_HAS_PINNED_EXTBUF(m));
    return id;
}

/* Takes all of a pool's buffers: each once, each whole, none else. */
static void
check_buffers(size_t size, uint32_t n_buffers, uint32_t first_id)
{
    struct vhc_pool_config config = sandbox_config();
    struct rte_mbuf **mbufs = calloc(n_buffers, sizeof *mbufs);
    uint32_t min_id = UINT32_MAX;
    struct vhc_account account;
    struct vhc_pool *pool;
    bool *seen;

    n_inits = 0;
    config.size = size;
    config.mbuf_init = count_init;
    pool = sandbox_create(&config);
    assert_int_equal(n_inits, n_buffers);
    seen = calloc(pool->geometry.n_ids, sizeof *seen);

    for (uint32_t i = 0; i < n_buffers; i++) {
        uint32_t id;

        mbufs[i] = rte_pktmbuf_alloc(vhc_pool_mempool(pool));
        assert_non_null(mbufs[i]);
        id = check_mbuf(pool, mbufs[i]);
        assert_false(seen[id]);
        seen[id] = true;
        min_id = id < min_id ? id : min_id;
        assert_int_equal(*(uint8_t *) rte_mbuf_to_priv(mbufs[i]), 0x5a);
    }
    assert_null(rte_pktmbuf_alloc(vhc_pool_mempool(pool)));
    assert_int_equal(min_id, first_id);

    account = sandbox_account(pool);
    assert_int_equal(account.all, n_buffers);
    assert_int_equal(account.free, 0);
    assert_int_equal(account.owned, 0);
    assert_int_equal(account.in_switch, n_buffers);
    for (uint32_t i = 0; i < n_buffers; i++) {
        rte_pktmbuf_free(mbufs[i]);
    }
    assert_int_equal(sandbox_account(pool).free, n_buffers);

    free(seen);
    free(mbufs);
    vhc_pool_destroy(pool, true);
}

static void
test_buffers(void **state)
{
    (void) state;
    check_buffers(4 * MIB, 1754, 118); /* 256 KiB / 2240, rounded up. */
    check_buffers(32 * MIB, 14040, 1 << 10); /* The whole first page. */
}

/* The table of owners, as a later switch finds it. */
static void
test_owners(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pool = sandbox_create(&config);
    int fd = open(scratch_file(&sandbox_links, ".ovs-chain.blue.owner"),
                  O_RDONLY);
    uint16_t owner[2048];
    unsigned n = 0;

    (void) state;
    assert_int_equal(pread(fd, owner, sizeof owner, VHC_LEDGER_OWNER_OFF),
                     sizeof owner);
    assert_int_equal(lseek(fd, 0, SEEK_END),
                     VHC_LEDGER_OWNER_OFF + sizeof owner);
    close(fd);
    for (uint32_t id = 0; id < 2048; id++) {
        bool is_buffer = id >= 118 && (id & 1023) < 936;

        assert_int_equal(owner[id], is_buffer ? 0 : UINT16_MAX);
        n += is_buffer;
    }
    assert_int_equal(n, 1754);
    vhc_pool_destroy(pool, true);
}

/* A copy of a packet that DPDK makes by reference keeps the buffer out of the
 * pool until the last reference is gone. */
static void
test_clone(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pool = sandbox_create(&config);
    struct rte_mempool *others = rte_pktmbuf_pool_create(
        "others", 31, 0, SANDBOX_PRIV_SIZE, 256, SOCKET_ID_ANY);
    struct rte_mbuf *m = rte_pktmbuf_alloc(vhc_pool_mempool(pool));
    struct rte_mbuf *clone;

    (void) state;
    assert_non_null(others);
    assert_non_null(rte_pktmbuf_append(m, 64));
    clone = rte_pktmbuf_clone(m, others);
    assert_non_null(clone);
    assert_ptr_equal(rte_pktmbuf_mtod(clone, void *),
                     rte_pktmbuf_mtod(m, void *));
    rte_pktmbuf_free(m);
    assert_int_equal(sandbox_account(pool).in_switch, 1);
    rte_pktmbuf_free(clone);
    assert_int_equal(sandbox_account(pool).in_switch, 0);
    rte_mempool_free(others);
    vhc_pool_destroy(pool, true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown( \
    NAME, sandbox_setup, sandbox_teardown)
        TEST(test_buffers),
        TEST(test_owners),
        TEST(test_clone),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
