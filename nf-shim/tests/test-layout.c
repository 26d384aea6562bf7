/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Files that are not what they should be: each field of the headers, damaged
 * one at a time, and what the user is told. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-host.h"
#include "nf/shim.h"

static struct fake_host h;

static void
fail_open(const char *path, const struct nf_port_options *options, int error,
          const char *text)
{
    struct nf_error err = { "" };
    struct nf_port *port = (void *) 1;

    assert_int_equal(nf_port_open(path, options, &port, &err), error);
    assert_null(port);
    if (!strstr(err.text, text)) {
        fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    }
}

/* A field, and a value that it must not have. */
struct damage {
    size_t off;                 /* Bytes. */
    size_t size;                /* Bytes. */
    uint64_t value;
    const char *text;           /* In the message. */
};
#define DAMAGE(STRUCT, FIELD, VALUE, TEXT)                                  \
    { offsetof(struct STRUCT, FIELD),                                       \
      sizeof ((struct STRUCT *) NULL)->FIELD < 8                            \
      ? sizeof ((struct STRUCT *) NULL)->FIELD : 8, VALUE, TEXT }

/* Applies each of the 'n' damages to the header at 'base', tries, and repairs
 * it. */
static void
check_damages(void *base, const struct damage *damages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *field = (char *) base + damages[i].off;
        uint64_t good = 0;

        memcpy(&good, field, damages[i].size);
        memcpy(field, &damages[i].value, damages[i].size);
        fail_open(h.ring_path, NULL, EINVAL, damages[i].text);
        memcpy(field, &good, damages[i].size);
    }
}

static void
test_ring_header(void **state)
{
#define D(FIELD, VALUE, TEXT) DAMAGE(vhc_ctrl_host, FIELD, VALUE, TEXT)
    static const struct damage damages[] = {
        D(magic, 0, "is not the ring file of a port"),
        D(magic, VHC_POOL_MAGIC, "is not a ring file but a pool"),
        D(abi_version, 0, "has ABI version 0, this NF speaks version 1"),
        D(abi_version, 2, "has ABI version 2, this NF speaks version 1"),
        D(features, 1, "uses features (0x1) that this NF lacks"),
        D(reserved0, 1, "uses features"),
        D(size, 8192, "has 16384 bytes, but its header says 8192"),
        D(size, UINT64_MAX, "truncated or damaged"),
        D(n_queues, 0, "number of queues cannot be 0"),
        D(n_queues, 17, "number of queues cannot be 17"),
        D(n_queues, 3, "offset of rings"), /* No room for so many. */
        D(n_queues, 16, "offset of rings"),
        D(ring_size, 0, "ring size cannot be 0"),
        D(ring_size, 48, "ring size cannot be 48"),
        D(ring_size, 0x80000000, "ring size"),
        D(ring_size, 128, "distance of rings cannot be 1280"),
        D(ring_bytes, 0, "distance of rings cannot be 0"),
        D(ring_bytes, 1281, "distance of rings cannot be 1281"),
        D(ring_bytes, 0xffffffc0, "offset of rings"),
        D(rings_off, 0, "offset of rings cannot be 0"),
        D(rings_off, 8200, "offset of rings cannot be 8200"),
        D(rings_off, 12288, "offset of rings cannot be 12288"),
        D(rings_off, 0xffffffc0, "offset of rings cannot be 4294967232"),
        D(pool_name, 0, "it names no pool"),
        D(pool_name, '.' | '.' << 8 | '/' << 16, "it names no pool"),
        D(pool_name, UINT64_MAX, "it names no pool"),
        D(pool_uuid, 0, "is the file of an earlier pool \"blue\""),
    };
#undef D

    (void) state;
    check_damages(h.host, damages, sizeof damages / sizeof *damages);
}

static void
test_pool_header(void **state)
{
#define D(FIELD, VALUE, TEXT) DAMAGE(vhc_pool_sb, FIELD, VALUE, TEXT)
    static const struct damage damages[] = {
        D(magic, 0, "is not the file of a pool"),
        D(magic, VHC_RING_MAGIC, "is not the file of a pool"),
        D(abi_version, 2, "has ABI version 2, this NF speaks version 1"),
        D(features, 0x80, "uses features (0x80)"),
        D(reserved, 1, "uses features"),
        D(uuid, 0, "is the file of an earlier pool \"blue\""),
        D(name, 'x', "is the file of pool \"x\", but port fw uses pool "
          "\"blue\""),
        D(size, FAKE_POOL_SIZE / 2, "truncated or damaged"),
        D(size, 0, "truncated or damaged"),
        D(page_size, 0, "page size cannot be 0"),
        D(page_size, 2048, "page size cannot be 2048"),
        D(page_size, 65535, "page size cannot be 65535"),
        D(page_size, 2 * FAKE_POOL_SIZE, "page size"),
        D(direct_off, 0, "direct offset cannot be 0"),
        D(direct_off, FAKE_POOL_SIZE + 1, "direct offset"),
        D(direct_size, FAKE_POOL_SIZE, "direct size"),
        D(direct_size, UINT64_MAX, "direct size"),
        D(stride, 0, "stride cannot be 0"),
        D(stride, 128, "stride cannot be 128"),
        D(stride, FAKE_STRIDE + 1, "stride cannot be 2241"),
        D(stride, 65536 + 64, "stride cannot be 65600"),
        D(stride, 64, "id shift"), /* More in a page than ids. */
        D(id_shift, 4, "id shift cannot be 4"),
        D(id_shift, 32, "id shift cannot be 32"),
        D(n_ids, 0, "number of ids cannot be 0"),
        D(n_ids, FAKE_N_IDS + 1, "number of ids cannot be 513"),
        D(n_ids, UINT32_MAX, "number of ids"),
        D(n_buffers, 0, "number of buffers cannot be 0"),
        D(n_buffers, FAKE_N_IDS + 1, "number of buffers cannot be 513"),
        D(buffer_size, 13, "buffer size cannot be 13"),
        D(buffer_size, FAKE_STRIDE + 1, "buffer size"),
        D(headroom, FAKE_STRIDE, "headroom cannot be 2240"),
        D(headroom, UINT32_MAX, "headroom"),
    };
#undef D

    (void) state;
    check_damages(h.pool, damages, sizeof damages / sizeof *damages);
}

static void
test_wrong_files(void **state)
{
    struct nf_port_options options = { .pool_path = "/nonexistent" };
    char path[128];
    int fd;

    (void) state;
    fail_open("/nonexistent", NULL, ENOENT, "is the port configured");
    fail_open(h.ring_path, &options, ENOENT,
              "cannot open /nonexistent: No such file or directory "
              "(if it has another name, give --pool)");
    memcpy(h.host->pool_name, "cyan", 5);
    fail_open(h.ring_path, NULL, ENOENT, "/ovs-chain.cyan: No such file");
    memcpy(h.host->pool_name, "blue", 5);
    fail_open("/dev/null", NULL, EINVAL, "is not a regular file");
    fail_open(h.dir, NULL, EISDIR, "cannot open");
    fail_open(h.pool_path, NULL, EINVAL, "is not a ring file but a pool");
    options.pool_path = h.ring_path;
    fail_open(h.ring_path, &options, EINVAL, "is not the file of a pool");

    snprintf(path, sizeof path, "%s/short", h.dir);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    fail_open(path, NULL, EINVAL, "has only 0 bytes");
    options.pool_path = path;
    fail_open(h.ring_path, &options, EINVAL, "has only 0 bytes");
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    fail_open(path, NULL, EINVAL, "is not the ring file of a port");
    fail_open(h.ring_path, &options, EINVAL, "is not the file of a pool");
    close(fd);
    unlink(path);

    assert_int_equal(truncate(h.pool_path, FAKE_POOL_SIZE / 2), 0);
    fail_open(h.ring_path, NULL, EINVAL, "truncated or damaged");
}

/* The pool of another run under the same name. */
static void
test_other_pool(void **state)
{
    struct nf_port_options options = { .timeout_ms = 100 };
    struct fake_host other;

    (void) state;
    fake_host_create(&other, "blue", "fw");
    options.pool_path = other.pool_path;
    fail_open(h.ring_path, &options, EINVAL, "is the file of an earlier pool");
    fake_host_destroy(&other);

    fake_host_create(&other, "red", "fw");
    options.pool_path = other.pool_path;
    fail_open(h.ring_path, &options, EINVAL, "is the file of pool \"red\", "
              "but port fw uses pool \"blue\"");
    fake_host_destroy(&other);
}

/* A path may be relative; the pool is in the same directory. */
static void
test_relative_path(void **state)
{
    int dir = open(".", O_RDONLY | O_DIRECTORY);
    struct nf_port *port;
    int error;

    (void) state;
    assert_true(dir >= 0);
    assert_int_equal(chdir(h.dir), 0);
    error = nf_port_open("./ovs-chain.blue.fw", NULL, &port, NULL);
    assert_int_equal(fchdir(dir), 0);
    close(dir);
    assert_int_equal(error, 0);
    nf_port_close(port);
}

int
main(void)
{
#define TEST(NAME)                                                          \
    cmocka_unit_test_prestate_setup_teardown(NAME, fake_host_setup,         \
                                             fake_host_teardown, &h)
    const struct CMUnitTest tests[] = {
        TEST(test_ring_header),
        TEST(test_pool_header),
        TEST(test_wrong_files),
        TEST(test_other_pool),
        TEST(test_relative_path),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
