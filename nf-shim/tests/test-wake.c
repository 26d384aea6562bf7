/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Ports in a guest that sleep: frames that wake them, frames that never come,
 * and what the times of loads mean.  The two ends of a socket pair, with the
 * filter of a packet socket, stand for that and the network. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-guest.h"
#include "fake-host.h"
#include "memtype.h"
#include "nf/shim.h"
#include "port-private.h"

#define LONG_US 3000000         /* Much longer than any wake-up takes. */
#define SHORT_US 5000           /* Longer than a nap. */

static struct fake_host h, peer;
static struct fake_guest guest;
static struct nf_port *ports[2];
static int network[2];          /* Where frames to 'ports' are sent. */

static void
open_port(int i, const char *name)
{
    struct nf_port_options options = {
        .pci_path = guest.dir,
        .peer = i ? ports[0] : NULL,
    };
    struct nf_error err = { "" };
    int fds[2];

    if (nf_port_open(name, &options, &ports[i], &err)) {
        fail_msg("%s", err.text);
    }
    nfi_wake_close(&ports[i]->wake); /* If the test may open such a one. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds),
                     0);
    assert_int_equal(nfi_wake_filter(fds[0], ports[i]->token), 0);
    ports[i]->wake.fd = fds[0];
    ports[i]->wake.error = 0;
    network[i] = fds[1];
}

static int
setup(void **state)
{
    (void) state;
    fake_host_create(&h, "blue", "fw");
    fake_host_create_beside(&peer, &h, "fw2");
    fake_host_start(&h);
    fake_host_start(&peer);
    fake_guest_create(&guest);
    fake_guest_add(&guest, "0000:00:04.0", h.pool_path);
    fake_guest_add(&guest, "0000:00:05.0", h.ring_path);
    fake_guest_add(&guest, "0000:00:06.0", peer.ring_path);
    open_port(0, "fw");
    open_port(1, "fw2");
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        close(network[i]);
        nf_port_close(ports[i]);
    }
    fake_guest_destroy(&guest);
    fake_host_destroy(&peer);
    fake_host_destroy(&h);
    return 0;
}

/* Sends what follows the Ethernet header of a wake-up frame with 'token' to
 * the 'i'th port. */
static void
send_frame(int i, uint64_t token)
{
    char data[46] = "";

    memcpy(data + 2, &token, sizeof token);
    memcpy(data + 10, "fw", 2);
    assert_int_equal(send(network[i], data, sizeof data, 0), sizeof data);
}

static void
put_packet(struct fake_host *host)
{
    struct vhc_desc desc = fake_host_frame(&h, fake_host_id(1), 60, 1);

    assert_int_equal(fake_host_put(host, 0, &desc, 1), 1);
}

static void
take_packet(struct nf_port *port)
{
    struct nf_packet p;

    assert_int_equal(nf_port_receive(port, 0, &p, 1), 1);
}

/* Waits until the NF has said that it sleeps, for the 'number'th time, or has
 * slept, then acts as a switch. */
struct waker {
    struct fake_host *host;
    int i;                      /* Of 'network'; negative: no frame. */
    uint32_t number;
    bool is_over;               /* Atomic. */
};

static void *
wake_thread(void *waker_)
{
    struct waker *waker = waker_;

    while (__atomic_load_n(&waker->host->nf->need_wakeup, __ATOMIC_ACQUIRE)
           != waker->number
           && !__atomic_load_n(&waker->is_over, __ATOMIC_ACQUIRE)) {
        fake_sleep(100);
    }
    put_packet(waker->host);
    if (waker->i >= 0) {
        send_frame(waker->i, ports[waker->i]->token);
    }
    return NULL;
}

static int
wait_with(struct waker *waker, size_t n_ports, unsigned int timeout_us)
{
    pthread_t thread;
    int error;

    waker->is_over = false;
    waker->number = ports[waker->host == &peer]->wait_number + 1;
    assert_int_equal(pthread_create(&thread, NULL, wake_thread, waker), 0);
    error = nf_wait(ports, n_ports, timeout_us);
    __atomic_store_n(&waker->is_over, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    return error;
}

static void
test_woken(void **state)
{
    struct waker wakers[] = {
        { .host = &h, .i = 0 },
        { .host = &peer, .i = 1 },
    };

    (void) state;
    for (int i = 0; i < 20; i++) {
        int which = i % 3 == 2;

        assert_int_equal(wait_with(&wakers[which], 2, LONG_US), 0);
        take_packet(ports[which]);
        assert_int_equal(h.nf->need_wakeup | peer.nf->need_wakeup, 0);
    }
    assert_int_equal(nf_port_stats(ports[0])->wakeups, 20);
    assert_true(ports[0]->wake.works && ports[1]->wake.works);
}

/* A packet that came before the NF said that it would sleep. */
static void
test_look_again(void **state)
{
    (void) state;
    put_packet(&h);
    assert_int_equal(nf_wait(ports, 1, LONG_US), 0);
    assert_int_equal(nf_port_stats(ports[0])->sleeps, 0);
    fake_host_detach(&h, VHC_REASON_CLOSED);
    assert_int_equal(nf_wait(ports, 1, LONG_US), 0);
}

/* Frames for another port of the guest do not fill the socket. */
static void
test_others_first(void **state)
{
    (void) state;
    assert_int_not_equal(ports[0]->token, ports[1]->token);
    for (int i = 0; i < 100; i++) {
        send_frame(0, ports[1]->token);
    }
    send_frame(0, ports[0]->token);
    assert_int_equal(nf_wait(ports, 1, LONG_US), 0);
    assert_true(ports[0]->wake.works);
    assert_int_equal(nf_wait(ports, 1, SHORT_US), ETIMEDOUT);
}

/* Frames that are not from this port's switch, or no such frames at all. */
static void
test_strange_frames(void **state)
{
    uint64_t token = ports[0]->token;
    char cut[9] = "";

    (void) state;
    memcpy(cut + 2, &token, sizeof cut - 2);
    for (int i = 0; i < 64; i++) {
        send_frame(0, token ^ UINT64_C(1) << i);
    }
    send_frame(0, 0);
    send(network[0], "", 0, 0);
    send(network[0], "fw", 3, 0);
    send(network[0], cut, sizeof cut, 0);
    assert_int_equal(nf_wait(ports, 1, SHORT_US), ETIMEDOUT);
    assert_false(ports[0]->wake.works);
    assert_int_equal(nf_port_stats(ports[0])->wakeups, 0);

    send_frame(0, token);
    assert_int_equal(nf_wait(ports, 1, LONG_US), 0);
    assert_true(ports[0]->wake.works);
    assert_int_equal(nf_port_stats(ports[0])->wakeups, 1);
}

static void
test_naps(void **state)
{
    struct waker waker = { .host = &h, .i = -1 };
    struct nfi_wake *wake = &ports[0]->wake;

    (void) state;
    /* On a busy machine the packet may come after the sleep. */
    for (int i = 0; i < 100 && wake->n_missed < NFI_WAKE_MISSES; i++) {
        assert_false(nfi_wake_naps(wake));
        wait_with(&waker, 1, 100000);
        take_packet(ports[0]);
    }
    assert_int_equal(wake->n_missed, NFI_WAKE_MISSES);
    assert_true(nfi_wake_naps(wake));
    assert_false(wake->works);

    /* No sleep, however long it is meant to be. */
    assert_int_equal(nfi_wake_limit(&wake, 1, UINT32_MAX), NFI_WAKE_NAP_US);
    for (size_t n = 1; n <= 2; n++) {
        assert_int_equal(wait_with(&waker, n, UINT32_MAX), 0);
        take_packet(ports[0]);
    }
    assert_int_equal(nf_port_stats(ports[0])->wakeups, 0);

    send_frame(0, ports[0]->token);
    assert_int_equal(nf_wait(ports, 1, LONG_US), 0);
    assert_false(nfi_wake_naps(wake));
    assert_true(wake->works);
}

/* Sleeps that saw no packet, or were short, say nothing about frames. */
static void
test_no_misses(void **state)
{
    struct waker waker = { .host = &h, .i = -1 };

    (void) state;
    for (int i = 0; i < 2 * NFI_WAKE_MISSES; i++) {
        assert_int_equal(nf_wait(ports, 2, SHORT_US), ETIMEDOUT);
        wait_with(&waker, 1, NFI_WAKE_NAP_US);
        take_packet(ports[0]);
    }
    assert_int_equal(ports[0]->wake.n_missed, 0);
    assert_int_equal(ports[1]->wake.n_missed, 0);

    /* Sleeps that are short because another port naps. */
    nfi_wake_close(&ports[1]->wake);
    for (int i = 0; i < 2 * NFI_WAKE_MISSES; i++) {
        wait_with(&waker, 2, 100000);
        take_packet(ports[0]);
    }
    assert_int_equal(ports[0]->wake.n_missed, 0);
}

static void
test_no_socket(void **state)
{
    struct waker waker = { .host = &h, .i = -1 };
    struct nfi_wake *wake = &ports[0]->wake;

    (void) state;
    nfi_wake_close(wake);
    nfi_wake_close(wake);
    assert_true(nfi_wake_naps(wake));
    assert_int_equal(wait_with(&waker, 1, UINT32_MAX), 0);
    take_packet(ports[0]);

    nfi_wake_open(wake, 1);     /* May fail; sleeps in any case. */
    assert_int_equal(wake->fd < 0, wake->error != 0);
    assert_int_equal(nf_wait(ports, 1, SHORT_US), ETIMEDOUT);
}

/* One port is a file and one a PCI device: neither is waited for long while
 * the other is not looked at. */
static void
test_both_kinds(void **state)
{
    struct waker waker = { .host = &peer, .i = -1 };
    struct nf_error err = { "" };

    (void) state;
    nf_port_close(ports[1]);
    assert_int_equal(nf_port_open(peer.ring_path, NULL, &ports[1], &err), 0);
    assert_int_equal(wait_with(&waker, 2, UINT32_MAX), 0);
    assert_int_equal(peer.nf->tick, 0); /* A process needs no sign of life. */
    take_packet(ports[1]);
    send_frame(0, ports[0]->token);
    assert_int_equal(nf_wait(ports, 2, LONG_US), 0);
}

/* Awaits three signs of life of the NF at 'host', for up to ten seconds, then
 * lets it go on: wakes it, or answers its request. */
struct observer {
    struct fake_host *host;
    struct fake_host *silent;   /* NULL: wake the NF. */
    bool seen;
};

static void *
observe_thread(void *observer_)
{
    struct observer *observer = observer_;
    const uint32_t *tick = &observer->host->nf->tick;
    uint32_t last = __atomic_load_n(tick, __ATOMIC_RELAXED);
    int n_moves = 0;

    for (int i = 0; i < 10000 && n_moves < 3; i++) {
        uint32_t now = __atomic_load_n(tick, __ATOMIC_RELAXED);

        n_moves += now != last;
        last = now;
        fake_sleep(1000);
    }
    observer->seen = n_moves == 3;
    if (observer->silent) {
        pthread_mutex_lock(&observer->silent->mutex);
        observer->silent->silent = false;
        pthread_mutex_unlock(&observer->silent->mutex);
    } else {
        send_frame(0, ports[0]->token);
    }
    return NULL;
}

/* An NF that sleeps for long. */
static void
test_life_asleep(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        struct observer observer = { .host = i ? &peer : &h };
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, observe_thread,
                                        &observer), 0);
        assert_int_equal(nf_wait(ports, 2, UINT32_MAX), 0);
        pthread_join(thread, NULL);
        assert_true(observer.seen);
    }
    assert_int_equal(nf_port_stats(ports[0])->sleeps, 2);
}

/* An NF that waits for the switch to answer on another port. */
static void
test_life_of_peer(void **state)
{
    struct observer observer = { .host = &h, .silent = &peer };
    pthread_t thread;

    (void) state;
    close(network[1]);
    nf_port_close(ports[1]);
    pthread_mutex_lock(&peer.mutex);
    peer.silent = true;
    pthread_mutex_unlock(&peer.mutex);
    assert_int_equal(pthread_create(&thread, NULL, observe_thread, &observer),
                     0);
    open_port(1, "fw2");
    pthread_join(thread, NULL);
    assert_true(observer.seen);
}

/* An NF that waits for the switch to take what it sent. */
static void
test_life_at_the_end(void **state)
{
    struct nf_packet p;
    uint32_t tick;

    (void) state;
    put_packet(&h);
    assert_int_equal(nf_port_receive(ports[0], 0, &p, 1), 1);
    assert_int_equal(nf_port_send(ports[0], 0, &p, 1), 1);
    tick = h.nf->tick;
    nfi_port_drain(ports[0]);
    assert_int_not_equal(h.nf->tick, tick);
}

static void
test_load_times(void **state)
{
    static const struct {
        struct nfi_load_times times;
        bool cached;
    } cases[] = {
        { { 0, 0 }, true },
        { { 400, 400 }, true },     /* A cache. */
        { { 2000, 300 }, true },
        { { 19000, 300 }, true },   /* A busy machine, at worst. */
        { { 9000, 11000 }, true },  /* Emulation. */
        { { 60000, 10000 }, true },
        { { 80000, 300 }, false },  /* Memory, each time. */
        { { 300000, 1000 }, false },
        { { 500000, 11000 }, false },
        { { UINT32_MAX, 0 }, false },
        { { UINT32_MAX, UINT32_MAX }, true },
    };
    struct nfi_load_times times;

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (nfi_load_times_are_cached(&cases[i].times) != cases[i].cached) {
            fail_msg("case %zu", i);
        }
    }
    nfi_load_times_measure(&times, h.pool);
    assert_true(times.shared_ps > 0 && times.private_ps > 0);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_woken),
        TEST(test_look_again),
        TEST(test_others_first),
        TEST(test_strange_frames),
        TEST(test_naps),
        TEST(test_no_misses),
        TEST(test_no_socket),
        TEST(test_both_kinds),
        TEST(test_life_asleep),
        TEST(test_life_of_peer),
        TEST(test_life_at_the_end),
        TEST(test_load_times),
    };

    return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
