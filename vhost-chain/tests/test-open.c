/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Opening ports: their files, and what is refused. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "rig.h"

static const char *
ring_file(void)
{
    return scratch_file(&sandbox_links, "ovs-chain.blue.fw");
}

static struct vhc_port_info
info(void)
{
    struct vhc_port_info i;

    vhc_port_get_info(rig.port, &i);
    return i;
}

/* Opens a port, which must fail with 'want' and a message with 'text'. */
static void
fail_open(const struct vhc_port_config *config, int want, const char *text)
{
    struct vhc_port *port = (void *) 1;
    char *message = NULL;
    int error = vhc_port_open(rig.pool, config, &port, &message);

    if (error != want || !message || !strstr(message, text)) {
        fail_msg("%s instead of %s, \"%s\" instead of \"%s\"",
                 strerror(error), strerror(want),
                 message ? message : "no message", text);
    }
    assert_null(port);
    free(message);
}

static void
test_open(void **state)
{
    struct vhc_port_config config = rig_config();
    struct stat st;

    (void) state;
    config.access = VHC_READ_ONLY;
    rig.port = rig_open(&config);
    assert_int_equal(stat(ring_file(), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(st.st_size, MIB);

    fake_nf_open(&rig.nf, ring_file(),
                 scratch_file(&sandbox_links, "ovs-chain.blue"));
    assert_int_equal(rig.nf.host->abi_version, 1);
    assert_int_equal(rig.nf.host->features, 0);
    assert_int_equal(rig.nf.host->n_queues, 1);
    assert_int_equal(rig.nf.host->ring_size, 64);
    assert_int_equal(rig.nf.host->ring_bytes, 1280);
    assert_int_equal(rig.nf.host->rings_off, 8192);
    assert_string_equal(rig.nf.host->pool_name, "blue");
    assert_string_equal(rig.nf.host->port_name, "fw");
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
    assert_int_equal(rig.nf.host->answer, 0);
    assert_int_equal(rig.nf.host->access, VHC_READ_ONLY);
    assert_int_equal(rig.nf.host->credits, 100);
    assert_int_equal(rig.nf.host->max_len, 1518);

    assert_string_equal(info().name, "fw");
    assert_string_equal(info().file, ring_file());
    assert_ptr_equal(info().pool, rig.pool);
    assert_int_equal(info().state, VHC_DETACHED);
    assert_string_equal(info().nf, "");
    assert_int_equal(info().access, VHC_READ_ONLY);
    assert_int_equal(info().n_queues, 1);
    assert_int_equal(info().credits, 100);
    assert_false(vhc_port_is_attached(rig.port));
    vhc_port_close(NULL, true);
}

/* Nothing is left behind, no file and no promise. */
static void
test_bad_config(void **state)
{
    static const char long_name[]
        = "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *name, *file;
        uint32_t n_queues, ring_size, credits, max_len;
        int error;
        const char *text;
    } cases[] = {
        { "", NULL, 1, 64, 1, 64, EINVAL, "\"\" cannot be in the name" },
        { "a/b", NULL, 1, 64, 1, 64, EINVAL, "\"a/b\" cannot" },
        { long_name, NULL, 1, 64, 1, 64, EINVAL, "1 to 63 characters" },
        { "fw", "", 1, 64, 1, 64, EINVAL, "ring file \"\"" },
        { "fw", "../fw", 1, 64, 1, 64, EINVAL, "ring file \"../fw\"" },
        { "fw", NULL, 0, 64, 1, 64, EINVAL, "0 queues are not between 1" },
        { "fw", NULL, 17, 64, 1, 64, EINVAL, "17 queues" },
        { "fw", NULL, 1u << 31, 64, 1, 64, EINVAL, "2147483648 queues" },
        { "fw", NULL, 1, 0, 1, 64, EINVAL, "ring size 0" },
        { "fw", NULL, 1, 48, 1, 64, EINVAL, "ring size 48" },
        { "fw", NULL, 1, 65536, 1, 64, EINVAL, "up to 32768" },
        { "fw", NULL, 1, 64, 1, 2049, EINVAL, "2049 bytes do not fit" },
        { "fw", NULL, 1, 64, 1, 2049, EINVAL, "buffer-size=2048" },
        { "fw", NULL, 1, 64, 1536, 64, ENOSPC, "1536 credits are more" },
        { "fw", NULL, 1, 64, 1536, 64, ENOSPC, "1535 of 1754 buffers" },
        { "fw", NULL, 1, 64, UINT32_MAX, 64, ENOSPC, "4294967295 credits" },
    };
    int n_files = sandbox_count();

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vhc_port_config config = {
            .name = cases[i].name, .file = cases[i].file,
            .n_queues = cases[i].n_queues, .ring_size = cases[i].ring_size,
            .credits = cases[i].credits, .max_len = cases[i].max_len,
        };

        fail_open(&config, cases[i].error, cases[i].text);
        assert_int_equal(sandbox_count(), n_files);
    }
}

/* What is promised to one port is not there for another. */
static void
test_credits(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *all, *one;

    (void) state;
    config.credits = 1535;      /* 1754 less an eighth. */
    all = rig_open(&config);
    config.name = "ids";
    config.credits = 1;
    fail_open(&config, ENOSPC, "1 credits are more than pool blue has left "
              "to promise: 0 of 1754");
    vhc_port_close(all, true);
    one = rig_open(&config);
    config.name = "fw";
    config.credits = 0;         /* A sixteenth of a small pool, */
    rig.port = rig_open(&config);
    assert_int_equal(info().credits, 109);
    vhc_port_close(rig.port, true);
    config.ring_size = 16;      /* or twice the ring of a large one. */
    rig.port = rig_open(&config);
    assert_int_equal(info().credits, 32);
    vhc_port_close(one, true);
}

/* One file, one port. */
static void
test_one_file(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_port *ids;

    (void) state;
    rig.port = rig_open(&config);
    fail_open(&config, EBUSY, ring_file());
    config.n_queues = 4;        /* Of another size. */
    fail_open(&config, EBUSY, ring_file());
    config.name = "ids";
    config.n_queues = 1;
    config.file = "ovs-chain.blue.fw";
    fail_open(&config, EBUSY, ring_file());
    config.file = ".ovs-chain.blue.owner";
    fail_open(&config, EBUSY, ".ovs-chain.blue.owner");
    config.file = "my-rings";
    ids = rig_open(&config);
    assert_int_equal(access(scratch_file(&sandbox_links, "my-rings"), F_OK),
                     0);
    vhc_port_close(ids, true);
}

/* A file that is not the switch's own, in a directory that all may write to,
 * is not used. */
static void
test_foreign_file(void **state)
{
    struct vhc_port_config config = rig_config();
    const char *other = scratch_file(&sandbox_links, "other");

    (void) state;
    close(open(other, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(symlink(other, ring_file()), 0);
    fail_open(&config, ELOOP, ring_file());
    unlink(ring_file());
    assert_int_equal(link(other, ring_file()), 0);
    fail_open(&config, EPERM, ring_file());
    unlink(ring_file());
    unlink(other);
    assert_int_equal(mkfifo(ring_file(), 0600), 0);
    fail_open(&config, EINVAL, "not a regular file");
    unlink(ring_file());
}

/* A switch that closes and opens the port again finds the same file, and does
 * not answer what an NF asked of the port before. */
static void
test_reopen(void **state)
{
    struct vhc_port_config config = rig_config();
    struct vhc_desc descs[4];
    struct stat before, after;

    (void) state;
    rig_attach(&config, 0, 0);
    rig_give(descs, 4, 64);
    assert_int_equal(fstat(rig.nf.fd, &before), 0);
    vhc_port_close(rig.port, false);
    assert_int_equal(rig.nf.host->state, VHC_DETACHED);
    assert_int_equal(rig.nf.host->reason, VHC_REASON_CLOSED);
    assert_int_equal(rig.nf.host->answer, 0);
    assert_int_equal(sandbox_account(rig.pool).owned, 0);

    rig.port = rig_open(&config);
    assert_int_equal(stat(ring_file(), &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(rig.nf.host->reason, VHC_REASON_CLOSED);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_SAME);
    fake_nf_request(&rig.nf, 2);
    assert_int_equal(vhc_port_run(rig.port), VHC_PORT_ATTACHED);
    assert_int_equal(rig.nf.host->generation, 2);
    vhc_port_close(rig.port, false);

    config.ring_size = 32768;   /* Another size, another file. */
    rig.port = rig_open(&config);
    assert_int_equal(stat(ring_file(), &after), 0);
    assert_int_not_equal(after.st_ino, before.st_ino);
    vhc_port_close(rig.port, true);
    rig.port = NULL;
    assert_int_equal(stat(ring_file(), &after), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, rig_setup, rig_teardown)
        TEST(test_open),
        TEST(test_bad_config),
        TEST(test_credits),
        TEST(test_one_file),
        TEST(test_foreign_file),
        TEST(test_reopen),
#undef TEST
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
