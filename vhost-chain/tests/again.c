/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "again.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool-private.h"

struct again again;

static void
map_ledger(void)
{
    int fd = open(scratch_file(&sandbox_links, ".ovs-chain.blue.owner"),
                  O_RDWR);
    struct stat st;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    again.size = st.st_size;
    again.records = mmap(NULL, again.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                         fd, 0);
    assert_true(again.records != MAP_FAILED);
    again.owner = (uint16_t *) ((uint8_t *) again.records
                                + VHC_LEDGER_OWNER_OFF);
    close(fd);
}

void
again_end(void)
{
    vhc_port_abandon(rig.port);
    rig.port = NULL;
    vhc_pool_destroy(rig.pool, false);
    rig.pool = NULL;
    map_ledger();
}

void
again_begin_pool(bool recovered)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool_info info;

    munmap(again.records, again.size);
    rig.pool = sandbox_create(&config);
    vhc_pool_get_info(rig.pool, &info);
    assert_int_equal(info.recovered, recovered);
}

void
again_begin(void)
{
    struct vhc_port_config config = rig_config();

    again_begin_pool(true);
    rig.port = rig_open(&config);
}

void
again_restart(void)
{
    again_end();
    again_begin();
}

struct vhc_port_info
again_info(const struct vhc_port *port)
{
    struct vhc_port_info info;

    vhc_port_get_info(port, &info);
    return info;
}

void
again_detach(enum vhc_reason reason)
{
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_DETACHING);
    assert_int_equal(vhc_port_quiesced(rig.port), VHC_PORT_DETACHED);
    assert_int_equal(again_info(rig.port).reason, reason);
    rig_check_account(0, 0);
}

void
again_check_attached(uint32_t owned)
{
    const struct vhc_ctrl_host *host = rig.nf.host;
    struct vhc_port_info info = again_info(rig.port);

    assert_true(vhc_port_is_attached(rig.port));
    assert_int_equal(info.state, VHC_ATTACHED);
    assert_int_equal(info.generation, 1);
    assert_string_equal(info.nf, "fake-nf");
    assert_int_equal(info.pid, getpid());
    assert_int_equal(host->magic, VHC_RING_MAGIC);
    assert_int_equal(host->state, VHC_ATTACHED);
    assert_int_equal(host->answer, 1);
    assert_int_equal(host->generation, 1);
    assert_memory_equal(host->pool_uuid, rig.nf.pool->uuid, 16);
    rig_check_account(owned, 0);
}
