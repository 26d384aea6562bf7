/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The files of a pool and its ports as a VM sees them, which maps them for as
 * long as it runs: whose they are, and that they are nobody's any more. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "rig.h"

#define OTHER_GID 54321

static const char *
pool_file(void)
{
    return scratch_file(&sandbox_pools, "ovs-chain.blue");
}

static const char *
ring_file(void)
{
    return scratch_file(&sandbox_links, "ovs-chain.blue.fw");
}

/* Returns the first word of the file 'path', mapped as a VM does. */
static const uint64_t *
map_magic(const char *path)
{
    int fd = open(path, O_RDONLY);
    void *p;

    assert_true(fd >= 0);
    p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    close(fd);
    return p;
}

/* Returns the magic at 'p', and unmaps it. */
static uint64_t
last_magic(const uint64_t *p)
{
    uint64_t magic = *p;

    munmap((void *) p, 4096);
    return magic;
}

/* Ends port and pool, and begins with a new pool of 'size' bytes. */
static void
begin_anew(bool remove, size_t size)
{
    struct vhc_pool_config config = sandbox_config();

    vhc_port_close(rig.port, false);
    rig.port = NULL;
    vhc_pool_destroy(rig.pool, remove);
    config.size = size;
    rig.pool = sandbox_create(&config);
}

static void
open_all(void)
{
    struct vhc_port_config config = rig_config();

    rig.port = rig_open(&config);
}

/* Whoever removes the files tells those who still map them. */
static void
test_removed(void **state)
{
    const uint64_t *pool, *ring;

    (void) state;
    open_all();
    pool = map_magic(pool_file());
    ring = map_magic(ring_file());
    begin_anew(true, 4 * MIB);
    assert_int_equal(last_magic(pool), 0);
    assert_int_equal(last_magic(ring), 0);
}

/* Files that stay are still what they were. */
static void
test_kept(void **state)
{
    const uint64_t *pool, *ring;

    (void) state;
    open_all();
    pool = map_magic(pool_file());
    ring = map_magic(ring_file());
    begin_anew(false, 4 * MIB);
    assert_int_equal(last_magic(pool), VHC_POOL_MAGIC);
    assert_int_equal(last_magic(ring), VHC_RING_MAGIC);
}

/* A file of another size takes the place of the old one. */
static void
test_replaced(void **state)
{
    const uint64_t *pool;

    (void) state;
    open_all();
    pool = map_magic(pool_file());
    begin_anew(false, 8 * MIB);
    assert_int_equal(last_magic(pool), 0);
    assert_int_equal(last_magic(map_magic(pool_file())), VHC_POOL_MAGIC);
}

/* libvirt's <shmem> takes files from 1 MiB, QEMU powers of two. */
static void
test_ring_sizes(void **state)
{
    static const struct {
        uint32_t n_queues, ring_size;
        size_t size;
    } cases[] = {
        { 1, 2, MIB }, { 1, 1024, MIB }, { 16, 1024, MIB },
        { 16, 2048, 2 * MIB }, { 16, 32768, 32 * MIB },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_port_config config = rig_config();
        struct stat st;

        config.n_queues = cases[i].n_queues;
        config.ring_size = cases[i].ring_size;
        rig.port = rig_open(&config);
        assert_int_equal(stat(ring_file(), &st), 0);
        assert_int_equal(st.st_size, cases[i].size);
        assert_true(st.st_blocks * 512 < 64 * 1024); /* The rest is a hole. */
        vhc_port_close(rig.port, true);
        rig.port = NULL;
    }
}

static gid_t
group_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_gid;
}

/* The group may change while VMs use the files. */
static void
test_group(void **state)
{
    char *message = NULL;
    char own[16];

    (void) state;
    open_all();
    snprintf(own, sizeof own, "+%u", (unsigned) getegid());
    assert_int_equal(vhc_pool_set_group(rig.pool, own, &message), 0);
    assert_int_equal(group_of(pool_file()), getegid());
    assert_int_equal(vhc_pool_set_group(rig.pool, "+x", &message), EINVAL);
    assert_non_null(strstr(message, "group +x is not a number"));
    free(message);
    assert_int_equal(vhc_pool_set_group(rig.pool, "nobody-s", &message),
                     EINVAL);
    free(message);
    assert_int_equal(group_of(ring_file()), getegid());

    if (geteuid()) {
        return;                 /* May not give files away. */
    }
    snprintf(own, sizeof own, "+%u", OTHER_GID);
    assert_int_equal(vhc_pool_set_group(rig.pool, own, &message), 0);
    assert_int_equal(group_of(pool_file()), OTHER_GID);
    assert_int_equal(group_of(ring_file()), OTHER_GID);
    assert_int_equal(vhc_pool_set_group(rig.pool, NULL, &message), 0);
    assert_int_equal(group_of(ring_file()), getegid());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_removed),
        TEST(test_kept),
        TEST(test_replaced),
        TEST(test_ring_sizes),
        TEST(test_group),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
