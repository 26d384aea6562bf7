/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* An NF writes to what the switch says of itself: it is put right, counted,
 * and harms neither packets nor the next NF. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "again.h"
#include "eal.h"

/* Of the control block: from there on it changes by itself. */
#define HEADER_SIZE offsetof(struct vhc_ctrl_host, tick)

static uint8_t *
header(void)
{
    return (uint8_t *) rig.nf.host;
}

static uint64_t
port_repairs(void)
{
    return again_info(rig.port).repairs;
}

static uint64_t
pool_repairs(void)
{
    struct vhc_pool_info info;

    vhc_pool_get_info(rig.pool, &info);
    return info.repairs;
}

static int
setup(void **state)
{
    struct vhc_port_config config = rig_config();

    rig_setup(state);
    rig_attach(&config, 0, 0);
    return 0;
}

/* One packet to the NF and back. */
static void
pass_one(void)
{
    struct rte_mbuf *m;
    struct vhc_desc desc;

    rig_give(&desc, 1, 64);
    fake_nf_put(&rig.nf, 0, &desc, 1);
    assert_int_equal(rig_rx(&m), 1);
    rig_check_packet(m, 64, 0, 0);
}

/* Whatever the switch itself does is nothing to repair. */
static void
test_nothing(void **state)
{
    (void) state;
    vhc_port_set_max_len(rig.port, 1000);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    assert_int_equal(rig.nf.host->max_len, 1000);
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    fake_nf_prepare(&rig.nf);
    rig.nf.nf->abi_version++;
    __atomic_store_n(&rig.nf.nf->request, 2, __ATOMIC_RELEASE);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_REFUSED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    fake_nf_request(&rig.nf, 3);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    assert_false(vhc_pool_run(rig.pool));
    assert_int_equal(port_repairs(), 0);

    again_restart();
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    assert_false(vhc_pool_run(rig.pool));
    assert_int_equal(port_repairs(), 0);
    assert_int_equal(pool_repairs(), 0);
}

/* Each byte of the control block. */
static void
test_header(void **state)
{
    uint8_t good[HEADER_SIZE];

    (void) state;
    memcpy(good, header(), sizeof good);
    for (size_t i = 0; i < sizeof good; i++) {
        header()[i] ^= 0xff;
        pass_one();
        assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
        assert_memory_equal(header(), good, sizeof good);
        assert_int_equal(port_repairs(), i + 1);
    }
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    assert_int_equal(port_repairs(), sizeof good);
}

/* The next NF of the port finds what it must, also after a restart. */
static void
test_next(void **state)
{
    (void) state;
    memset(header(), 0xff, sizeof *rig.nf.host);
    again_restart();
    fake_nf_leave(&rig.nf);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    memset(header(), 0xff, sizeof *rig.nf.host);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);

    fake_nf_close(&rig.nf);
    fake_nf_open(&rig.nf, scratch_file(&sandbox_links, "ovs-chain.blue.fw"),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(rig.nf.host->generation, 2);
    pass_one();
}

/* Generations of a port whose file an NF spoiled before the switch ended. */
static void
test_generation(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_ctrl_host *host = (struct vhc_ctrl_host *) header();

    (void) state;
    vhc_port_close(rig.port, false);
    host->generation = UINT32_MAX;
    rig.port = rig_open(&config);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(again_info(rig.port).generation, 1);
    again_restart();
    assert_int_equal(again_info(rig.port).state, VHC_ATTACHED);
}

static void
test_superblock(void **state)
{
    uint8_t *sb = (uint8_t *) rig.nf.pool;
    uint8_t good[sizeof *rig.nf.pool];

    (void) state;
    memcpy(good, sb, sizeof good);
    for (size_t i = 0; i < sizeof good; i++) {
        sb[i] ^= 0xff;
        pass_one();
        assert_true(vhc_pool_run(rig.pool));
        assert_memory_equal(sb, good, sizeof good);
        assert_int_equal(pool_repairs(), i + 1);
    }
    assert_false(vhc_pool_run(rig.pool));

    memset(sb, 0, sizeof good);
    again_restart();
    assert_memory_equal(sb, good, sizeof good);
    assert_false(vhc_pool_run(rig.pool));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_header, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_next, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_generation, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_superblock, setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
