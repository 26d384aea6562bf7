/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Finding a port among the PCI devices of a guest, and words for each way in
 * which it may not be there. */

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

#include "fake-guest.h"
#include "fake-host.h"
#include "nf/shim.h"
#include "port-private.h"

static struct fake_host h, other;
static struct fake_guest guest;
static struct nf_port_options options;

static int
setup(void **state)
{
    (void) state;
    fake_host_create(&h, "blue", "fw");
    fake_host_create_beside(&other, &h, "ids");
    fake_host_start(&h);
    fake_host_start(&other);
    fake_guest_create(&guest);
    options = (struct nf_port_options) { .pci_path = guest.dir };
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fake_guest_destroy(&guest);
    fake_host_destroy(&other);
    fake_host_destroy(&h);
    return 0;
}

/* Opens 'name', which must fail with 'error' and 'text' in the message. */
static void
fail_open(const char *name, int error, const char *text)
{
    struct nf_error err = { "" };
    struct nf_port *port = (void *) 1;
    int result = nf_port_open(name, &options, &port, &err);

    if (result != error || !strstr(err.text, text)) {
        fail_msg("%d, and \"%s\" is not in \"%s\"", result, text, err.text);
    }
    assert_null(port);
}

static struct nf_port *
open_port(const char *name)
{
    struct nf_error err = { "" };
    struct nf_port *port;

    if (nf_port_open(name, &options, &port, &err)) {
        fail_msg("%s", err.text);
    }
    return port;
}

/* Whatever the order of the devices. */
static void
test_find(void **state)
{
    static const char *const addresses[][3] = {
        { "0000:00:04.0", "0000:00:05.0", "0000:00:06.0" },
        { "0000:00:06.0", "0000:00:04.0", "0000:00:05.0" },
        { "0000:07:01.0", "0000:00:1f.0", "0000:00:04.0" },
        { "0000:00:05.0", "0001:00:05.0", "0000:00:04.0" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const char *const *a = addresses[i];
        const struct nf_port_info *info;
        struct nf_port *port;

        fake_guest_add_other(&guest, "0000:00:03.0", other.ring_path);
        fake_guest_add(&guest, a[0], h.ring_path);
        fake_guest_add(&guest, a[1], h.pool_path);
        for (int named = 0; named < 2; named++) {
            port = open_port(named ? "fw" : NULL);
            info = nf_port_info(port);
            assert_string_equal(info->port, "fw");
            assert_string_equal(info->pool, "blue");
            assert_string_equal(info->device, a[0]);
            assert_true(info->own_load_ps > 0 && !info->uncached);
            assert_int_equal(h.nf->features, VHC_NF_F_FRAME);
            nf_port_close(port);
        }

        fake_guest_add(&guest, a[2], other.ring_path); /* Two ports. */
        fail_open(NULL, EINVAL, "there are several ports, name one: port ");
        port = open_port("ids");
        assert_string_equal(nf_port_info(port)->device, a[2]);
        nf_port_close(port);
        fake_guest_destroy(&guest);
        fake_guest_create(&guest);
    }
}

/* The one of the two files that can be mapped write-combining is. */
static void
test_wc(void **state)
{
    char link[128];

    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    snprintf(link, sizeof link, "%s/0000:00:05.0/resource2_wc", guest.dir);
    assert_int_equal(symlink("/nonexistent", link), 0);
    nf_port_close(open_port(NULL));
    unlink(link);
    assert_int_equal(symlink(other.ring_path, link), 0);
    fail_open(NULL, EINVAL, "there are several ports");
}

/* Its memory may be disabled; one write enables it. */
static void
test_enable(void **state)
{
    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    fake_guest_write(&guest, "0000:00:04.0", "enable", "0");
    fake_guest_write(&guest, "0000:00:05.0", "enable", "2");
    nf_port_close(open_port(NULL));
    assert_true(fake_guest_has(&guest, "0000:00:04.0", "enable", "1"));
    assert_true(fake_guest_has(&guest, "0000:00:05.0", "enable", "2"));
}

static void
test_packets(void **state)
{
    struct vhc_desc desc = fake_host_frame(&h, fake_host_id(3), 60, 7);
    struct nf_port *port;
    struct nf_packet p;

    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.pool_path);
    fake_guest_add(&guest, "0000:00:05.0", h.ring_path);
    port = open_port(NULL);
    assert_int_equal(fake_host_put(&h, 1, &desc, 1), 1);
    assert_int_equal(nf_port_receive(port, 1, &p, 1), 1);
    assert_int_equal(p.data[59], 7);
    assert_int_equal(nf_port_send(port, 1, &p, 1), 1);
    assert_int_equal(fake_host_await(&h, 1, &desc, 1), 1);
    nf_port_close(port);
}

static void
test_no_device(void **state)
{
    (void) state;
    options.pci_path = "/nonexistent";
    fail_open(NULL, ENOENT, "cannot look for PCI devices in /nonexistent");
    options.pci_path = guest.dir;
    fail_open(NULL, ENODEV, "no shared memory device (PCI 1af4:1110");
    fail_open("fw", ENODEV, "fw: no shared memory device");
    fail_open("fw", ENODEV, "\"ovs-chain vm-xml PORT\" on the host");
    fake_guest_add_other(&guest, "0000:00:03.0", h.ring_path);
    fail_open(NULL, ENODEV, "no shared memory device (PCI 1af4:1110");
}

static void
test_no_ring(void **state)
{
    char path[128];
    int fd;

    (void) state;
    snprintf(path, sizeof path, "%s/strange", h.dir);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    fake_guest_add(&guest, "0000:00:03.0", path); /* Without memory. */
    fake_guest_add(&guest, "0000:00:04.0", h.pool_path);
    fail_open(NULL, ENODEV, "no shared memory device is the ring of a port; "
              "there are: another program's at 0000:00:03.0, pool blue at "
              "0000:00:04.0; \"ovs-chain vm-xml");
    assert_int_equal(ftruncate(fd, 65536), 0); /* With some. */
    fail_open("fw", ENODEV, "fw: no shared memory device is the ring of a");
    close(fd);

    fake_guest_add(&guest, "0000:00:05.0", other.ring_path);
    fail_open("fw", ENODEV, "no PCI device is the ring of port fw; there are: "
              "port ids at 0000:00:05.0");
    unlink(path);
}

static void
test_same_port_twice(void **state)
{
    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.pool_path);
    fake_guest_add(&guest, "0000:00:05.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:06.0", h.ring_path);
    fail_open("fw", EINVAL, "several PCI devices are this port: port fw at "
              "0000:00:05.0, port fw at 0000:00:06.0");
}

/* A list may be longer than a message. */
static void
test_many_devices(void **state)
{
    char address[32];

    (void) state;
    for (int i = 0; i < 32; i++) {
        snprintf(address, sizeof address, "0000:00:%02x.0", i);
        fake_guest_add(&guest, address, h.ring_path);
    }
    fail_open(NULL, EINVAL, "port fw at 0000:00:00.0, port fw at");
    fail_open(NULL, EINVAL, "...");
}

static void
test_no_pool(void **state)
{
    struct fake_host red, old;

    (void) state;
    fake_host_create(&red, "red", "fw");
    fake_host_create(&old, "blue", "fw");
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fail_open(NULL, ENODEV, "port fw at PCI device 0000:00:04.0 uses pool "
              "\"blue\", but the VM has no device of a pool");
    fake_guest_add(&guest, "0000:00:05.0", red.pool_path);
    fail_open(NULL, ENODEV, "but PCI device 0000:00:05.0 is pool \"red\", "
              "another trust domain");
    fake_guest_add(&guest, "0000:00:06.0", old.pool_path);
    fail_open(NULL, ESTALE, "PCI device 0000:00:06.0 is an earlier pool "
              "\"blue\"");
    fake_guest_add(&guest, "0000:00:07.0", h.pool_path);
    nf_port_close(open_port(NULL)); /* The others do no harm. */
    fake_host_destroy(&old);
    fake_host_destroy(&red);
}

static void
test_size(void **state)
{
    char path[128];

    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    h.host->size *= 2;
    fail_open(NULL, EINVAL, "PCI device 0000:00:04.0 shows 16384 bytes of a "
              "file of 32768: give the device");
    h.host->size /= 2;
    h.pool->size *= 4;
    snprintf(path, sizeof path, "PCI device 0000:00:05.0 shows %d bytes of a "
             "file of %d", FAKE_POOL_SIZE, 4 * FAKE_POOL_SIZE);
    fail_open(NULL, EINVAL, path);
}

static void
test_version(void **state)
{
    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    h.host->abi_version = 2;
    fail_open(NULL, EINVAL, "PCI device 0000:00:04.0 has ABI version 2, this "
              "NF speaks version 1");
    fail_open("other", EINVAL, "PCI device 0000:00:04.0 has ABI version 2");
    h.host->abi_version = 1;
    h.pool->abi_version = 0;
    fail_open(NULL, EINVAL, "PCI device 0000:00:05.0 has ABI version 0");
    h.pool->abi_version = 1;
    h.pool->stride = 100;
    fail_open(NULL, EINVAL, "PCI device 0000:00:05.0 is damaged");
}

static void
test_permission(void **state)
{
    uid_t uid = geteuid();

    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    assert_int_equal(chmod(guest.dir, 0755), 0);
    assert_int_equal(chmod(h.dir, 0755), 0);
    for (int i = 4; i < 6; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/0000:00:%02d.0", guest.dir, i);
        assert_int_equal(chmod(path, 0755), 0);
    }
    assert_int_equal(chmod(h.ring_path, uid ? 0 : 0600), 0);
    assert_int_equal(seteuid(uid ? uid : 65534), 0); /* Root may all. */
    fail_open(NULL, EACCES, "PCI device 0000:00:04.0: cannot map its memory: "
              "Permission denied (run the NF as root)");
    assert_int_equal(seteuid(uid), 0);
    chmod(h.ring_path, 0666);
    chmod(h.pool_path, uid ? 0 : 0600);
    assert_int_equal(seteuid(uid ? uid : 65534), 0);
    fail_open(NULL, EACCES, "unless 0000:00:05.0 is: cannot map its memory");
    assert_int_equal(seteuid(uid), 0);
}

/* What the switch removed has no magic any more. */
static void
test_removed(void **state)
{
    struct nf_port *port;

    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    for (int i = 0; i < 2; i++) {
        uint64_t *magic = i ? &h.pool->magic : &h.host->magic;
        uint64_t good = *magic;

        port = open_port(NULL);
        fake_host_kill(&h);
        assert_false(nfi_port_is_abandoned(port)); /* The tick moved. */
        assert_false(nfi_port_is_abandoned(port));
        __atomic_store_n(magic, 0, __ATOMIC_RELAXED);
        assert_true(nfi_port_is_abandoned(port));
        fail_open("fw", ESTALE, i ? "PCI device 0000:00:05.0 was pool "
                  "\"blue\" of port fw, but the switch has removed"
                  : "PCI device 0000:00:04.0 was port fw, but the switch has "
                  "removed or replaced its ring: give the VM the devices");
        *magic = good;
        fake_host_start(&h);
        nf_port_close(port);
    }
}

static void
test_two_nfs(void **state)
{
    struct nf_port *port;

    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    options.name = "first";
    port = open_port(NULL);
    fail_open("fw", EBUSY, "PCI device 0000:00:04.0: port fw is in use by the "
              "NF \"first\"");
    nf_port_close(port);
    nf_port_close(open_port(NULL));
}

static void
test_options(void **state)
{
    (void) state;
    fake_guest_add(&guest, "0000:00:04.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:05.0", h.pool_path);
    options.read_only = true;
    for (int i = 0; i < 2; i++) {
        struct nf_port *port = open_port(NULL);

        assert_true(nf_port_info(port)->read_only);
        nf_port_close(port);
        options.read_only = false;
        pthread_mutex_lock(&h.mutex);
        h.access = VHC_READ_ONLY;
        pthread_mutex_unlock(&h.mutex);
    }
    options.pool_path = h.pool_path;
    fail_open(NULL, EINVAL, "a pool file is for ports that are named by");
    nf_port_close(open_port(h.ring_path));
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_find),
        TEST(test_wc),
        TEST(test_enable),
        TEST(test_packets),
        TEST(test_no_device),
        TEST(test_no_ring),
        TEST(test_same_port_twice),
        TEST(test_many_devices),
        TEST(test_no_pool),
        TEST(test_size),
        TEST(test_version),
        TEST(test_permission),
        TEST(test_removed),
        TEST(test_two_nfs),
        TEST(test_options),
    };

    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
