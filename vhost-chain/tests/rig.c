/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool-private.h"

struct rig rig;

int
rig_setup(void **state)
{
    struct vhc_pool_config config;

    sandbox_setup(state);
    config = sandbox_config();
    rig = (struct rig) { .pool = sandbox_create(&config) };
    rig.outside = rte_pktmbuf_pool_create("outside", 255, 0,
                                          SANDBOX_PRIV_SIZE, 4096,
                                          SOCKET_ID_ANY);
    assert_non_null(rig.outside);
    return 0;
}

int
rig_teardown(void **state)
{
    struct vhc_account account;

    vhc_port_close(rig.port, true);
    if (rig.nf.host) {
        fake_nf_close(&rig.nf);
    }
    account = sandbox_account(rig.pool);
    assert_int_equal(account.free, account.all);
    assert_true(rte_mempool_full(rig.outside));
    rte_mempool_free(rig.outside);
    vhc_pool_destroy(rig.pool, true);
    assert_int_equal(sandbox_count(), 0);
    return sandbox_teardown(state);
}

struct vhc_port_config
rig_config(void)
{
    struct vhc_port_config config = VHC_PORT_CONFIG_INITIALIZER;

    config.name = "fw";
    config.ring_size = RIG_RING_SIZE;
    config.credits = 100;
    config.max_len = RIG_MAX_LEN;
    return config;
}

struct vhc_port *
rig_open(const struct vhc_port_config *config)
{
    char *message = NULL;
    struct vhc_port *port;

    if (vhc_port_open(rig.pool, config, &port, &message)) {
        fail_msg("%s", message ? message : "no message");
    }
    assert_null(message);
    assert_non_null(port);
    return port;
}

void
rig_attach(const struct vhc_port_config *config, uint32_t features,
           uint32_t fill_level)
{
    rig.port = rig_open(config);
    fake_nf_open(&rig.nf, scratch_file(&sandbox_links, "ovs-chain.blue.fw"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    fake_nf_prepare(&rig.nf);
    rig.nf.nf->features = features;
    rig.nf.nf->fill_level = fill_level;
    __atomic_store_n(&rig.nf.nf->request, 1, __ATOMIC_RELEASE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
}

uint32_t *
rig_mark(struct rte_mbuf *m)
{
    return rte_mbuf_to_priv(m);
}

struct rte_mbuf *
rig_packet(struct rte_mempool *mp, unsigned len, int fill, uint32_t mark)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(mp);

    assert_non_null(m);
    memset(rte_pktmbuf_append(m, len), fill, len);
    *rig_mark(m) = mark;
    return m;
}

struct rte_mbuf *
rig_packet_in(uint32_t id, unsigned len, int fill)
{
    struct rte_mbuf *others[2048], *m;
    unsigned n = 0;

    assert_in_range(rig.pool->geometry.n_buffers, 1, 2048);
    for (;;) {
        m = rig_packet(rig.pool->mp, len, fill, 0);
        if (vhc_pool_id(rig.pool, m) == id) {
            break;
        }
        others[n++] = m;
    }
    rte_pktmbuf_free_bulk(others, n);
    return m;
}

void
rig_check_packet(struct rte_mbuf *m, unsigned len, int fill, uint32_t mark)
{
    const uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

    rte_mbuf_sanity_check(m, 1);
    assert_int_equal(m->nb_segs, 1);
    assert_int_equal(m->pkt_len, len);
    assert_int_equal(m->data_len, len);
    assert_true(rte_pktmbuf_headroom(m) >= 128);
    assert_true(rte_pktmbuf_tailroom(m) >= 64);
    for (unsigned i = 0; i < len; i++) {
        assert_int_equal(data[i], (uint8_t) fill);
    }
    assert_int_equal(*rig_mark(m), mark);
    rte_pktmbuf_free(m);
}

void
rig_give(struct vhc_desc *descs, unsigned n, unsigned len)
{
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = rig_packet(vhc_pool_mempool(rig.pool), len, i,
                                        0);

        assert_int_equal(rig_tx(&m, 1), 1);
        assert_int_equal(fake_nf_get(&rig.nf, 0, &descs[i], 1), 1);
        assert_int_equal(descs[i].len, len);
    }
}

unsigned
rig_tx(struct rte_mbuf **mbufs, unsigned n)
{
    return vhc_port_tx(rig.port, 0, mbufs, n);
}

unsigned
rig_rx(struct rte_mbuf **mbufs)
{
    return vhc_port_rx(rig.port, 0, mbufs, 32);
}

void
rig_check_account(uint32_t owned, uint32_t in_switch)
{
    struct vhc_account account = sandbox_account(rig.pool);
    struct vhc_port_info info;

    assert_int_equal(account.owned, owned);
    assert_int_equal(account.in_switch, in_switch);
    vhc_port_get_info(rig.port, &info);
    assert_int_equal(info.owned, owned);
}

struct vhc_port_stats
rig_stats(void)
{
    struct vhc_port_stats stats;

    vhc_port_get_stats(rig.port, &stats);
    return stats;
}

uint64_t
rig_drops(enum vhc_drop drop)
{
    return rig_stats().drops[drop];
}

void
rig_check_drops(enum vhc_drop drop, uint64_t n)
{
    struct vhc_port_stats stats = rig_stats();

    for (int i = 0; i < VHC_N_DROPS; i++) {
        uint64_t want = i == (int) drop ? n : 0;

        if (stats.drops[i] != want) {
            const char *name = vhc_drop_name(i);

            fail_msg("%s: %llu drops, not %llu", name ? name : "no drop",
                     (unsigned long long) stats.drops[i],
                     (unsigned long long) want);
        }
    }
}
