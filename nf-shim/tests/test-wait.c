/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Two threads on one ring: nothing is lost, reordered or slept through. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake-host.h"
#include "nf/shim.h"
#include "port-private.h"

#ifndef ROUNDS
#define ROUNDS 20000
#endif

#define DELAY 400               /* Turns of a loop: about a microsecond. */
#define WAIT_US 2000000         /* Much longer than any wake-up takes. */
#define LEN 64                  /* Bytes of a frame. */
#define WINDOW 200              /* Packets on their way, at most. */

static struct fake_host h;

/* The NF: adds 1 to each frame's number and sends it back. */
struct echo {
    struct nf_port *port;
    uint32_t n_packets;         /* To echo before it ends. */
    int error;                  /* Of nf_wait(). */
};

static uint32_t
get_number(const uint8_t *data)
{
    uint32_t number;

    memcpy(&number, data, sizeof number);
    return number;
}

static void *
echo_thread(void *echo_)
{
    struct echo *echo = echo_;
    uint32_t n_echoed = 0;

    while (n_echoed < echo->n_packets && !echo->error) {
        struct nf_packet p[NF_BURST];
        unsigned int n = nf_port_receive(echo->port, 0, p, NF_BURST);

        for (unsigned int i = 0; i < n; i++) {
            uint32_t number = get_number(p[i].data) + 1;

            memcpy(p[i].data, &number, sizeof number);
        }
        for (unsigned int sent = 0; sent < n; ) {
            sent += nf_port_send(echo->port, 0, p + sent, n - sent);
        }
        n_echoed += n;
        if (!n) {
            echo->error = nf_wait(&echo->port, 1, WAIT_US);
        }
    }
    return NULL;
}

static void
start_echo(struct echo *echo, uint32_t n_packets, pthread_t *thread)
{
    *echo = (struct echo) { .n_packets = n_packets };
    assert_int_equal(nf_port_open(h.ring_path, NULL, &echo->port, NULL), 0);
    fake_host_adopt(&h, echo->port->map.ring, echo->port->map.pool);
    assert_int_equal(pthread_create(thread, NULL, echo_thread, echo), 0);
}

static void
stop_echo(struct echo *echo, pthread_t thread)
{
    pthread_join(thread, NULL);
    assert_int_equal(echo->error, 0);
    assert_true(nf_port_stats(echo->port)->sleeps > 0);
    nf_port_close(echo->port);
}

static struct vhc_desc
numbered_frame(uint32_t id, uint32_t number)
{
    struct vhc_desc desc = fake_host_frame(&h, id, LEN, 0);

    memcpy(fake_host_data(&h, &desc), &number, sizeof number);
    return desc;
}

/* Checks that 'n' packets with the numbers from 'first' on came back. */
static void
check_echoes(const struct vhc_desc *descs, unsigned int n, uint32_t first)
{
    for (unsigned int i = 0; i < n; i++) {
        assert_int_equal(get_number(fake_host_data(&h, &descs[i])),
                         first + i + 1);
    }
}

/* One packet at a time, so that the NF falls asleep again and again, and
 * packets come at every moment of that. */
static void
test_no_lost_wakeup(void **state)
{
    struct echo echo;
    pthread_t thread;

    (void) state;
    srand(1);
    start_echo(&echo, ROUNDS, &thread);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct vhc_desc desc = numbered_frame(fake_host_id(i % WINDOW), i);
        struct timespec start, now;

        assert_int_equal(fake_host_put(&h, 0, &desc, 1), 1);
        clock_gettime(CLOCK_MONOTONIC, &start);
        while (!fake_host_get(&h, 0, &desc, 1)) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            if (now.tv_sec > start.tv_sec + 10) {
                fail_msg("packet %u was slept through", i);
            }
        }
        check_echoes(&desc, 1, i);
        for (volatile int j = rand() % DELAY; j > 0; j--) {
            continue;
        }
    }
    stop_echo(&echo, thread);
}

/* As many as the ring holds, in bursts of any size. */
static void
test_in_order(void **state)
{
    uint32_t n_put = 0, n_got = 0;
    struct echo echo;
    pthread_t thread;

    (void) state;
    srand(2);
    start_echo(&echo, 10 * ROUNDS, &thread);
    while (n_got < 10 * ROUNDS) {
        struct vhc_desc descs[NF_BURST];
        unsigned int n = rand() % NF_BURST + 1;

        for (unsigned int i = 0; i < n; i++) {
            if (n_put + i == 10 * ROUNDS || n_put + i - n_got == WINDOW) {
                n = i;
                break;
            }
            descs[i] = numbered_frame(fake_host_id((n_put + i) % WINDOW),
                                      n_put + i);
        }
        n_put += fake_host_put(&h, 0, descs, n);

        n = fake_host_get(&h, 0, descs, NF_BURST);
        check_echoes(descs, n, n_got);
        n_got += n;
    }
    stop_echo(&echo, thread);
}

/* A packet that came before the NF said that it would sleep. */
static void
test_look_again(void **state)
{
    struct nf_port *port;

    (void) state;
    assert_int_equal(nf_port_open(h.ring_path, NULL, &port, NULL), 0);
    for (unsigned int queue = 0; queue < FAKE_QUEUES; queue++) {
        struct vhc_desc desc = numbered_frame(fake_host_id(1), 1);
        struct nf_packet p;

        assert_int_equal(fake_host_put(&h, queue, &desc, 1), 1);
        assert_int_equal(nf_wait(&port, 1, 1000), 0);
        assert_int_equal(nf_port_receive(port, queue, &p, 1), 1);
    }
    assert_int_equal(nf_port_stats(port)->sleeps, 0);
    nf_port_close(port);
}

static void
test_timeout(void **state)
{
    struct nf_port *port;
    struct nf_port *ports[NF_WAIT_PORTS + 1];

    (void) state;
    assert_int_equal(nf_port_open(h.ring_path, NULL, &port, NULL), 0);
    assert_int_equal(nf_wait(&port, 1, 1000), ETIMEDOUT);
    assert_int_equal(h.nf->need_wakeup, 0);
    assert_int_equal(nf_port_stats(port)->sleeps, 1);
    assert_int_equal(nf_wait(&port, 0, 1000), EINVAL);
    assert_int_equal(nf_wait(ports, NF_WAIT_PORTS + 1, 1000), EINVAL);
    nf_port_close(port);
}

struct sleeper {
    struct nf_port *ports[2];
    int error;
};

static void *
sleep_thread(void *sleeper_)
{
    struct sleeper *sleeper = sleeper_;

    sleeper->error = nf_wait(sleeper->ports, 2, WAIT_US);
    return NULL;
}

/* Asleep on two ports; either of them wakes the NF. */
static void
test_two_ports(void **state)
{
    struct fake_host other;
    struct sleeper sleeper;

    (void) state;
    fake_host_create_beside(&other, &h, "ids");
    fake_host_start(&other);
    assert_int_equal(nf_port_open(h.ring_path, NULL, &sleeper.ports[0], NULL),
                     0);
    assert_int_equal(nf_port_open(other.ring_path, NULL, &sleeper.ports[1],
                                  NULL), 0);
    assert_int_equal(nf_wait(sleeper.ports, 2, 1000), ETIMEDOUT);

    for (int i = 0; i < 20; i++) {
        struct fake_host *host = i % 3 ? &h : &other;
        struct vhc_desc desc = numbered_frame(fake_host_id(i), i);
        struct nf_packet p;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, sleep_thread,
                                        &sleeper), 0);
        fake_sleep(i * 100);
        assert_int_equal(fake_host_put(host, 1, &desc, 1), 1);
        pthread_join(thread, NULL);
        assert_int_equal(sleeper.error, 0);
        assert_int_equal(nf_port_receive(sleeper.ports[i % 3 ? 0 : 1], 1, &p,
                                         1), 1);
        assert_int_equal(nf_wait(sleeper.ports, 2, 100), ETIMEDOUT);
    }
    nf_port_close(sleeper.ports[0]);
    nf_port_close(sleeper.ports[1]);
    fake_host_destroy(&other);
}

int
main(void)
{
#define TEST(NAME)                                                          \
    cmocka_unit_test_prestate_setup_teardown(NAME, fake_host_setup,         \
                                             fake_host_teardown, &h)
    const struct CMUnitTest tests[] = {
        TEST(test_no_lost_wakeup),
        TEST(test_in_order),
        TEST(test_look_again),
        TEST(test_timeout),
        TEST(test_two_ports),
    };

    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
