/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* A pool's files: what is in them, who may open them, how long they last. */

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
#include "pool-private.h"
#include "sandbox.h"

static const char *
pool_file(void)
{
    return scratch_file(&sandbox_pools, "ovs-chain.blue");
}

static const char *
link_file(void)
{
    return scratch_file(&sandbox_links, "ovs-chain.blue");
}

static const char *
owner_file(void)
{
    return scratch_file(&sandbox_links, ".ovs-chain.blue.owner");
}

/* Creates a pool, which must fail with 'want' and a message with 'text'. */
static void
fail_create(const struct vhc_pool_config *config, int want, const char *text)
{
    struct vhc_pool *pool = (void *) 1;
    char *message = NULL;
    int error = vhc_pool_create(config, &pool, &message);

    if (error != want || !message || !strstr(message, text)) {
        fail_msg("%s instead of %s, \"%s\" instead of \"%s\"",
                 strerror(error), strerror(want),
                 message ? message : "no message", text);
    }
    assert_null(pool);
    free(message);
    assert_int_equal(vhc_pool_create(config, &pool, NULL), want);
}

/* Returns the whole of the file 'path', read-only, which must have 'size'
 * bytes. */
static const void *
map_file(const char *path, size_t size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    void *p;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, size);
    p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    close(fd);
    return p;
}

static void
test_superblock(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pool = sandbox_create(&config);
    const struct vhc_pool_sb *sb = map_file(pool_file(), 4 * MIB);
    static const uint8_t zeros[88];
    struct vhc_pool_info info;

    (void) state;
    assert_int_equal(sb->magic, VHC_POOL_MAGIC);
    assert_int_equal(sb->abi_version, 1);
    assert_int_equal(sb->features, 0);
    assert_string_equal(sb->name, "blue");
    assert_int_equal(sb->size, 4 * MIB);
    assert_int_equal(sb->page_size, 2 * MIB);
    assert_int_equal(sb->direct_off, 4096);
    assert_int_equal(sb->direct_size, 256 * 1024 - 4096);
    assert_int_equal(sb->stride, 2240);
    assert_int_equal(sb->id_shift, 10);
    assert_int_equal(sb->n_ids, 2048);
    assert_int_equal(sb->n_buffers, 1754);
    assert_int_equal(sb->headroom, 128);
    assert_int_equal(sb->buffer_size, 2048);
    assert_memory_equal(sb->reserved, zeros, sizeof zeros);

    vhc_pool_get_info(pool, &info);
    assert_string_equal(info.name, "blue");
    assert_string_equal(info.file, pool_file());
    assert_memory_equal(info.uuid, sb->uuid, sizeof info.uuid);
    assert_int_equal(info.uuid[6] >> 4, 4); /* RFC 4122. */
    assert_int_equal(info.uuid[8] >> 6, 2);
    assert_int_equal(info.size, 4 * MIB);
    assert_int_equal(info.node, -1);
    assert_int_equal(info.buffer_size, 2048);
    assert_int_equal(info.stride, 2240);
    assert_string_equal(vhc_pool_name(pool), "blue");
    assert_int_equal(vhc_pool_buffer_size(pool), 2048);

    munmap((void *) sb, 4 * MIB);
    vhc_pool_destroy(pool, true);
    vhc_pool_destroy(NULL, true);
}

static void
check_mode(const char *path, mode_t mode)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_mode & 07777, mode);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(st.st_gid, getegid());
}

/* Whatever the umask says. */
static void
test_modes(void **state)
{
    static const mode_t masks[] = { 0, 022, 077, 0777 };

    (void) state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        struct vhc_pool_config config = sandbox_config();
        mode_t old = umask(masks[i]);
        struct vhc_pool *pool = sandbox_create(&config);

        umask(old);
        check_mode(pool_file(), 0660);
        check_mode(owner_file(), 0600);
        vhc_pool_destroy(pool, true);
    }
}

static void
check_link(void)
{
    char target[256];
    ssize_t n = readlink(link_file(), target, sizeof target - 1);

    assert_true(n > 0);
    target[n] = '\0';
    assert_string_equal(target, pool_file());
}

static void
test_link(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    const char *link = link_file();
    struct vhc_pool *pool;

    (void) state;
    pool = sandbox_create(&config);     /* A new one. */
    check_link();
    vhc_pool_destroy(pool, false);
    check_link();

    pool = sandbox_create(&config);     /* Found as it was. */
    check_link();
    vhc_pool_destroy(pool, true);
    assert_int_equal(scratch_count(&sandbox_links), 0);

    assert_int_equal(symlink("/nowhere", link), 0);
    pool = sandbox_create(&config);     /* Points elsewhere: replaced. */
    check_link();
    vhc_pool_destroy(pool, true);

    close(open(link, O_WRONLY | O_CREAT, 0600));
    fail_create(&config, EEXIST, link); /* Not a link: not touched. */
    check_mode(link, 0600);
    assert_int_equal(scratch_count(&sandbox_links), 1);
    assert_int_equal(scratch_count(&sandbox_pools), 0);
}

/* The pool in the directory of links itself needs none. */
static void
test_same_dir(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pool;

    (void) state;
    config.dir = sandbox_links.path;
    pool = sandbox_create(&config);
    check_mode(link_file(), 0660);
    assert_int_equal(scratch_count(&sandbox_links), 2);
    vhc_pool_destroy(pool, true);
    assert_int_equal(scratch_count(&sandbox_links), 0);
}

static ino_t
inode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

/* A file is used again, as it was; without its ledger it is too, which its
 * users notice by the uuid; one of another size is not, and whoever maps it
 * keeps it. */
static void
test_reuse(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    const char *path = pool_file();
    struct vhc_pool *pool = sandbox_create(&config);
    const struct vhc_pool_sb *sb = map_file(path, 4 * MIB);
    uint8_t uuid[VHC_UUID_SIZE];
    ino_t inode = inode_of(path);

    (void) state;
    memcpy(uuid, sb->uuid, sizeof uuid);
    vhc_pool_destroy(pool, false);
    assert_int_equal(inode_of(path), inode);

    pool = sandbox_create(&config);
    assert_int_equal(inode_of(path), inode);
    assert_true(pool->ledger.recovered);
    assert_memory_equal(sb->uuid, uuid, sizeof uuid);
    vhc_pool_destroy(pool, false);

    assert_int_equal(unlink(owner_file()), 0);
    pool = sandbox_create(&config);
    assert_int_equal(inode_of(path), inode);
    assert_false(pool->ledger.recovered);
    assert_memory_not_equal(sb->uuid, uuid, sizeof uuid);
    memcpy(uuid, sb->uuid, sizeof uuid);
    vhc_pool_destroy(pool, false);

    config.size = 8 * MIB;
    pool = sandbox_create(&config);
    assert_int_not_equal(inode_of(path), inode);
    assert_memory_equal(sb->uuid, uuid, sizeof uuid);
    assert_int_equal(sb->size, 4 * MIB);
    munmap((void *) sb, 4 * MIB);
    vhc_pool_destroy(pool, true);
    assert_int_equal(sandbox_count(), 0);
}

static void
test_in_use(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pool = sandbox_create(&config);
    const char *path = pool_file();
    ino_t inode = inode_of(path);

    (void) state;
    fail_create(&config, EBUSY, path);
    config.size = 8 * MIB;      /* Not even then. */
    fail_create(&config, EBUSY, path);
    assert_int_equal(inode_of(path), inode);
    check_link();

    config.size = 4 * MIB;      /* Other files, but the same owners. */
    config.dir = sandbox_links.path;
    config.link_dir = sandbox_links.path;
    fail_create(&config, ELOOP, "ovs-chain.blue");
    vhc_pool_destroy(pool, true);
}

static void
test_names(void **state)
{
    static const char *const bad[] = {
        "", "a b", "a.b", "a/b", "../a", ".", "a\n", "bl\xc3\xbc", "a%s",
        "abcdefghijklmnopqrstuvwxyz012345", /* 32 characters. */
    };
    static const char *const names[] = {
        "a", "-", "_", "0", "A-b_C-9", "abcdefghijklmnopqrstuvwxyz01234"
    };
    struct vhc_pool_config config = sandbox_config();

    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];

        snprintf(text, sizeof text, "\"%s\" is not a pool name", bad[i]);
        config.name = bad[i];
        fail_create(&config, EINVAL, text);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct vhc_pool *pool;

        config.name = names[i];
        pool = sandbox_create(&config);
        assert_string_equal(vhc_pool_name(pool), names[i]);
        vhc_pool_destroy(pool, true);
    }
    assert_int_equal(sandbox_count(), 0);
}

/* Each leaves nothing behind. */
static void
test_bad_config(void **state)
{
    struct vhc_pool_config config = sandbox_config();

    (void) state;
    config.group = "no-such-group";
    fail_create(&config, EINVAL, "group no-such-group does not exist");
    config = sandbox_config();
    config.page_size = 0;
    fail_create(&config, ENOENT, sandbox_pools.path);
    fail_create(&config, ENOENT, "not on a hugetlbfs; mount one there");
    config.dir = "/no/such/dir";
    fail_create(&config, ENOENT, "/no/such/dir");
    config = sandbox_config();
    config.dir = "/no/such/dir";
    fail_create(&config, ENOENT, "/no/such/dir/ovs-chain.blue");
    config = sandbox_config();
    config.link_dir = "/no/such/dir";
    fail_create(&config, ENOENT, "/no/such/dir/.ovs-chain.blue.owner");
    config = sandbox_config();
    config.size = 3 * MIB;
    fail_create(&config, EINVAL, "size 3145728");
    config = sandbox_config();
    config.buffer_size = 60;
    fail_create(&config, EINVAL, "buffer-size 60");
    config = sandbox_config();
    config.node = 4096;
    fail_create(&config, EINVAL, "node 4096");
    assert_int_equal(sandbox_count(), 0);
}

/* A failure leaves a file that was there before. */
static void
test_failure_keeps_file(void **state)
{
    struct vhc_pool_config config = sandbox_config();
    const char *path = pool_file();
    ino_t inode;

    (void) state;
    vhc_pool_destroy(sandbox_create(&config), false);
    inode = inode_of(path);
    config.node = 4096;
    fail_create(&config, EINVAL, "node 4096");
    assert_int_equal(inode_of(path), inode);
}

/* Several at once share nothing. */
static void
test_several(void **state)
{
    static const char *const names[] = { "blue", "green", "red" };
    struct vhc_pool_config config = sandbox_config();
    struct vhc_pool *pools[3];

    (void) state;
    for (int i = 0; i < 3; i++) {
        config.name = names[i];
        pools[i] = sandbox_create(&config);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(pools[i]->uuid, pools[j]->uuid,
                                    VHC_UUID_SIZE);
        }
    }
    assert_int_equal(scratch_count(&sandbox_pools), 3);
    assert_int_equal(scratch_count(&sandbox_links), 6);
    vhc_pool_destroy(pools[1], true);
    assert_int_equal(scratch_count(&sandbox_pools), 2);
    assert_int_equal(scratch_count(&sandbox_links), 4);
    vhc_pool_destroy(pools[0], true);
    vhc_pool_destroy(pools[2], true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown( \
    NAME, sandbox_setup, sandbox_teardown)
        TEST(test_superblock),
        TEST(test_modes),
        TEST(test_link),
        TEST(test_same_dir),
        TEST(test_reuse),
        TEST(test_in_use),
        TEST(test_names),
        TEST(test_bad_config),
        TEST(test_failure_keeps_file),
        TEST(test_several),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
