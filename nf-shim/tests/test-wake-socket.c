/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The packet socket of a port in a guest, with real frames on the loopback
 * interface of a network namespace of its own.  That needs root, or a kernel
 * that lets everybody have one; otherwise the tests are skipped. */

#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-guest.h"
#include "fake-host.h"
#include "nf/shim.h"
#include "port-private.h"

#define EXIT_SKIPPED 77         /* What automake takes for "skipped". */
#define LONG_US 3000000         /* Much longer than any wake-up takes. */
#define SHORT_US 5000

static struct fake_host h;
static struct fake_guest guest;
static int network;             /* Sends on the loopback interface. */

/* Moves this process to a network namespace of its own, with a loopback
 * interface.  Returns 0 or a positive errno value. */
static int
make_network(void)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET };
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
        return errno;
    }
    network = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (network < 0 || ioctl(network, SIOCSIFFLAGS, &lo)) {
        return errno;
    }
    address.sll_ifindex = if_nametoindex("lo");
    return bind(network, (const struct sockaddr *) &address, sizeof address)
           ? errno : 0;
}

/* A port whose name no frame should need. */
static int
setup(void **state)
{
    (void) state;
    fake_host_create(&h, "blue", "\xc3\xa4 \"'x");
    fake_host_start(&h);
    fake_guest_create(&guest);
    fake_guest_add(&guest, "0000:00:04.0", h.pool_path);
    fake_guest_add(&guest, "0000:00:05.0", h.ring_path);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fake_guest_destroy(&guest);
    fake_host_destroy(&h);
    return 0;
}

static struct nf_port *
open_port(void)
{
    struct nf_port_options options = { .pci_path = guest.dir };
    struct nf_error err = { "" };
    struct nf_port *port;

    if (nf_port_open(NULL, &options, &port, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(port->wake.error, 0);
    assert_true(port->wake.fd >= 0);
    return port;
}

/* Sends a wake-up frame as the switch does, of another EtherType if 'type'
 * says so. */
static void
send_frame(uint16_t type, uint64_t token)
{
    uint8_t frame[60] = VHC_WAKE_ADDRESS;

    frame[12] = type >> 8;
    frame[13] = type;
    memcpy(frame + 16, &token, sizeof token);
    memcpy(frame + 24, "fw", 2);
    assert_int_equal(send(network, frame, sizeof frame, 0), sizeof frame);
}

static void
test_woken(void **state)
{
    struct nf_port *port = open_port();

    (void) state;
    for (int i = 0; i < 3; i++) {
        send_frame(VHC_WAKE_ETHERTYPE, port->host->token);
        assert_int_equal(nf_wait(&port, 1, LONG_US), 0);
        assert_int_equal(nf_wait(&port, 1, SHORT_US), ETIMEDOUT);
    }
    assert_true(port->wake.works);
    assert_int_equal(nf_port_stats(port)->wakeups, 3);
    nf_port_close(port);
}

/* Frames for others neither fill the socket nor wake the NF. */
static void
test_others(void **state)
{
    struct nf_port *port = open_port();
    uint64_t token = port->host->token;

    (void) state;
    for (int i = 0; i < 100; i++) {
        send_frame(VHC_WAKE_ETHERTYPE, token ^ UINT64_C(1) << i % 64);
    }
    send_frame(VHC_WAKE_ETHERTYPE + 1, token);
    assert_int_equal(nf_wait(&port, 1, SHORT_US), ETIMEDOUT);
    assert_false(port->wake.works);

    for (int i = 0; i < 100; i++) {
        send_frame(VHC_WAKE_ETHERTYPE, token + 1);
    }
    send_frame(VHC_WAKE_ETHERTYPE, token);
    assert_int_equal(nf_wait(&port, 1, LONG_US), 0);
    assert_true(port->wake.works);
    nf_port_close(port);
}

/* Each attachment has a token of its own. */
static void
test_attached_again(void **state)
{
    struct nf_port *port = open_port();
    uint64_t token = port->host->token;

    (void) state;
    nf_port_close(port);
    port = open_port();
    assert_int_not_equal(port->host->token, token);
    send_frame(VHC_WAKE_ETHERTYPE, token);
    assert_int_equal(nf_wait(&port, 1, SHORT_US), ETIMEDOUT);
    send_frame(VHC_WAKE_ETHERTYPE, port->host->token);
    assert_int_equal(nf_wait(&port, 1, LONG_US), 0);
    nf_port_close(port);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_woken),
        TEST(test_others),
        TEST(test_attached_again),
    };
    int error = make_network();

    if (error == EPERM || error == ENOSPC || error == EAFNOSUPPORT) {
        printf("skipped: cannot make packet sockets in a network namespace of "
               "its own: %s (run it as root)\n", strerror(error));
        return EXIT_SKIPPED;
    } else if (error) {
        fprintf(stderr, "cannot make a network: %s\n", strerror(error));
        return 1;
    }
    return cmocka_run_group_tests_name("wake-socket", tests, NULL, NULL);
}
