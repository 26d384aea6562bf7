/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Opening, refusing, passing packets, closing: one port, through files. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-host.h"
#include "nf/shim.h"
#include "port-private.h"

static struct fake_host h;

static struct nf_port *
open_port(void)
{
    struct nf_error err = { "" };
    struct nf_port *port;
    int error = nf_port_open(h.ring_path, NULL, &port, &err);

    if (error) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(error, 0);
    return port;
}

/* Opens, which must fail with 'error' and a message that contains 'text'. */
static void
fail_open(const struct nf_port_options *options, int error, const char *text)
{
    struct nf_error err = { "" };
    struct nf_port *port = (void *) 1;

    assert_int_equal(nf_port_open(h.ring_path, options, &port, &err), error);
    assert_null(port);
    if (!strstr(err.text, text)) {
        fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    }
}

static void
test_attach(void **state)
{
    struct nf_port_options options = { .name = "me", .fill_level = 7 };
    const struct nf_port_info *info;
    struct nf_port *port;

    (void) state;
    assert_int_equal(nf_port_open(h.ring_path, &options, &port, NULL), 0);
    info = nf_port_info(port);
    assert_string_equal(info->port, "fw");
    assert_string_equal(info->pool, "blue");
    assert_int_equal(info->n_queues, FAKE_QUEUES);
    assert_int_equal(info->generation, 1);
    assert_int_equal(info->credits, 100);
    assert_int_equal(info->max_len, 1518);
    assert_int_equal(info->buffer_size, FAKE_STRIDE);
    assert_false(info->read_only);
    assert_int_equal(nf_port_status(port, NULL), 0);

    assert_string_equal(h.nf->name, "me");
    assert_int_equal(h.nf->fill_level, 7);
    assert_int_equal(h.nf->pid, getpid());
    assert_int_equal(h.nf->n_queues, FAKE_QUEUES);
    assert_int_equal(h.nf->features, VHC_NF_F_LOCK | VHC_NF_F_FUTEX);
    assert_memory_equal(h.nf->pool_uuid, h.pool->uuid, VHC_UUID_SIZE);

    nf_port_close(port);
    assert_int_equal(fake_host_n_left(&h), 1);
    assert_int_equal(h.nf->request, 0);
    nf_port_close(NULL);

    port = open_port();         /* The next generation. */
    assert_int_equal(nf_port_info(port)->generation, 2);
    nf_port_close(port);
}

static void
test_polls(void **state)
{
    struct nf_port_options options = { .polls = true };
    struct nf_port *port;

    (void) state;
    assert_int_equal(nf_port_open(h.ring_path, &options, &port, NULL), 0);
    assert_int_equal(h.nf->features, VHC_NF_F_LOCK);
    assert_int_equal(nf_wait(&port, 1, UINT_MAX), 0); /* Does not sleep. */
    assert_int_equal(nf_port_stats(port)->sleeps, 0);
    nf_port_close(port);
}

/* The best of ten, because the machine may be busy. */
static void
test_attach_is_quick(void **state)
{
    uint64_t best = UINT64_MAX;

    (void) state;
    for (int i = 0; i < 10; i++) {
        struct timespec t[2];
        struct nf_port *port;
        uint64_t us;

        clock_gettime(CLOCK_MONOTONIC, &t[0]);
        port = open_port();
        clock_gettime(CLOCK_MONOTONIC, &t[1]);
        nf_port_close(port);
        us = (t[1].tv_sec - t[0].tv_sec) * 1000000
             + (t[1].tv_nsec - t[0].tv_nsec) / 1000;
        best = us < best ? us : best;
    }
    assert_in_range(best, 0, 10000);
}

static void
test_refusals(void **state)
{
    static const struct {
        enum vhc_reason reason;
        const char *text;
    } cases[] = {
#define VHC_REASON(NAME, TEXT) { VHC_REASON_##NAME, TEXT },
        VHC_REASONS
#undef VHC_REASON
    };

    (void) state;
    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++) {
        pthread_mutex_lock(&h.mutex);
        h.refuse = cases[i].reason;
        pthread_mutex_unlock(&h.mutex);
        fail_open(NULL, ECONNREFUSED, cases[i].text);
        assert_int_equal(h.nf->request, 0);
    }
    pthread_mutex_lock(&h.mutex);
    h.refuse = 99;              /* From a later version. */
    pthread_mutex_unlock(&h.mutex);
    fail_open(NULL, ECONNREFUSED, "a reason that this NF does not know");
}

static void
test_no_answer(void **state)
{
    struct nf_port_options options = { .timeout_ms = 30 };
    int stop = 1;

    (void) state;
    pthread_mutex_lock(&h.mutex);
    h.silent = true;
    pthread_mutex_unlock(&h.mutex);
    fail_open(&options, ETIMEDOUT, "is the port configured and ovs-vswitchd "
              "running?");
    assert_int_equal(h.nf->request, 0);

    options = (struct nf_port_options) { .timeout_ms = -1, .stop = &stop };
    fail_open(&options, EINTR, "stopped");
}

static void
test_two_nfs(void **state)
{
    struct nf_port_options options = { .name = "first" };
    struct nf_port *port;
    char text[64];

    (void) state;
    assert_int_equal(nf_port_open(h.ring_path, &options, &port, NULL), 0);
    snprintf(text, sizeof text, "in use by the NF \"first\" (pid %d)",
             (int) getpid());
    fail_open(NULL, EBUSY, text);
    assert_int_equal(nf_port_status(port, NULL), 0);
    nf_port_close(port);
    nf_port_close(open_port());
}

/* The next NF attaches although the last one was killed in mid-flight. */
static void
test_after_a_kill(void **state)
{
    struct vhc_desc desc[3];
    struct nf_packet p[3];
    struct nf_port *port;
    pid_t pid;
    int status;

    (void) state;
    pid = fork();
    if (!pid) {
        port = open_port();
        for (int i = 0; i < 3; i++) {
            p[i].desc = (struct vhc_desc) { .buf = fake_host_id(i) };
        }
        _exit(nf_port_send(port, 0, p, 3) == 3 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fake_host_await(&h, 0, desc, 3), 3);

    port = open_port();
    assert_int_equal(fake_host_n_left(&h), 1);
    assert_int_equal(nf_port_info(port)->generation, 2);
    desc[0] = fake_host_frame(&h, fake_host_id(9), 60, 9);
    assert_int_equal(fake_host_put(&h, 0, desc, 1), 1);
    assert_int_equal(nf_port_receive(port, 0, p, 3), 1);
    assert_int_equal(p[0].data[59], 9);
    nf_port_close(port);
}

static void
test_round_trip(void **state)
{
    struct nf_port *port = open_port();
    struct nf_packet p[NF_BURST];
    struct vhc_desc desc[8];

    (void) state;
    for (unsigned int q = 0; q < FAKE_QUEUES; q++) {
        for (int i = 0; i < 6; i++) {
            desc[i] = fake_host_frame(&h, fake_host_id(28 + i), 60 + i, i);
            desc[i].mark = 0x10000 + i;
        }
        assert_int_equal(nf_port_receive(port, q, p, NF_BURST), 0);
        assert_int_equal(fake_host_put(&h, q, desc, 6), 6);
        assert_int_equal(nf_port_receive(port, q, p, 4), 4);
        assert_int_equal(nf_port_receive(port, q, p + 4, NF_BURST), 2);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(nf_packet_len(&p[i]), 60 + i);
            assert_int_equal(nf_packet_mark(&p[i]), 0x10000 + i);
            assert_int_equal(p[i].data[0], i);
            assert_int_equal(p[i].data[59 + i], i);
            p[i].data[0] = 0xa0 + i;
        }
        nf_packet_set_verdict(&p[1], VHC_DROP);
        nf_packet_set_verdict(&p[2], VHC_LOCAL);
        nf_packet_set_nf_mark(&p[3], 0x77);
        nf_packet_set_mark(&p[4], 0x88);
        assert_int_equal(nf_port_send(port, q, p, 6), 6);

        assert_int_equal(fake_host_get(&h, q, desc, 8), 6);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(desc[i].buf, fake_host_id(28 + i));
            assert_int_equal(fake_host_data(&h, &desc[i])[0], 0xa0 + i);
            assert_int_equal(desc[i].verdict,
                             i == 1 ? VHC_DROP : i == 2 ? VHC_LOCAL : 0);
            assert_int_equal(desc[i].flags | desc[i].reserved, 0);
        }
        assert_int_equal(desc[3].mark, 0x10077);
        assert_int_equal(desc[4].mark, 0x88);
    }
    assert_int_equal(nf_port_stats(port)->rx_packets, 12);
    assert_int_equal(nf_port_stats(port)->rx_bytes, 2 * (6 * 60 + 15));
    assert_int_equal(nf_port_stats(port)->tx_packets, 8);
    assert_int_equal(nf_port_stats(port)->dropped, 2);
    assert_int_equal(nf_port_stats(port)->local, 2);
    nf_port_close(port);
}

static void
test_ring_full(void **state)
{
    struct nf_port *port = open_port();
    struct nf_packet p[FAKE_RING_SIZE + 8];
    struct vhc_desc desc[FAKE_RING_SIZE];

    (void) state;
    memset(p, 0, sizeof p);
    for (int i = 0; i < FAKE_RING_SIZE + 8; i++) {
        p[i].desc.buf = fake_host_id(i);
    }
    assert_int_equal(nf_port_send(port, 1, p, FAKE_RING_SIZE + 8),
                     FAKE_RING_SIZE);
    assert_int_equal(nf_port_send(port, 1, p, 8), 0);
    assert_int_equal(nf_port_stats(port)->tx_full, 2);
    assert_int_equal(fake_host_get(&h, 1, desc, 3), 3);
    assert_int_equal(nf_port_send(port, 1, p + FAKE_RING_SIZE, 8), 3);
    assert_int_equal(fake_host_get(&h, 1, desc, FAKE_RING_SIZE),
                     FAKE_RING_SIZE);
    nf_port_close(port);
}

static void
test_bad_descriptors(void **state)
{
    static const struct vhc_desc bad[] = {
        { .buf = FAKE_N_IDS, .off = 128, .len = 60 }, /* Beyond the last. */
        { .buf = UINT32_MAX, .off = 128, .len = 60 },
        { .buf = FAKE_FIRST_ID + FAKE_PER_PAGE, .off = 128, .len = 60 },
        { .buf = 0, .off = 128, .len = 60 }, /* The superblock. */
        { .buf = FAKE_FIRST_ID, .off = 128, .len = FAKE_STRIDE - 127 },
        { .buf = FAKE_FIRST_ID, .off = 65535, .len = 65535 },
        { .buf = FAKE_FIRST_ID, .off = 128, .len = 13 },
        { .buf = FAKE_FIRST_ID, .off = 128, .len = 0 },
    };
    enum { N_BAD = sizeof bad / sizeof *bad };
    struct nf_port *port = open_port();
    struct nf_packet p[NF_BURST];
    struct vhc_desc desc[NF_BURST];

    (void) state;
    desc[0] = fake_host_frame(&h, fake_host_id(3), 60, 3);
    desc[1] = (struct vhc_desc) {
        .buf = fake_host_id(4), .off = 0, .len = FAKE_STRIDE,
    };
    fake_host_put(&h, 0, &desc[0], 1);
    assert_int_equal(fake_host_put(&h, 0, bad, N_BAD), N_BAD);
    fake_host_put(&h, 0, &desc[1], 1);

    assert_int_equal(nf_port_receive(port, 0, p, NF_BURST), 2);
    assert_int_equal(p[0].desc.buf, fake_host_id(3));
    assert_int_equal(p[1].desc.buf, fake_host_id(4));
    assert_int_equal(nf_port_stats(port)->rx_bad, N_BAD);
    assert_int_equal(fake_host_get(&h, 0, desc, NF_BURST), N_BAD);
    for (int i = 0; i < N_BAD; i++) {
        assert_int_equal(desc[i].buf, bad[i].buf);
        assert_int_equal(desc[i].verdict, VHC_DROP);
    }
    nf_port_close(port);
}

/* A bad descriptor waits in the ring until it can be given back. */
static void
test_bad_descriptor_ring_full(void **state)
{
    struct nf_port *port = open_port();
    struct nf_packet p[FAKE_RING_SIZE];
    struct vhc_desc desc[FAKE_RING_SIZE];

    (void) state;
    memset(p, 0, sizeof p);
    assert_int_equal(nf_port_send(port, 0, p, FAKE_RING_SIZE),
                     FAKE_RING_SIZE);
    desc[0] = fake_host_frame(&h, fake_host_id(1), 60, 1);
    desc[1] = (struct vhc_desc) { .buf = fake_host_id(2), .len = 1 };
    desc[2] = fake_host_frame(&h, fake_host_id(3), 60, 1);
    assert_int_equal(fake_host_put(&h, 0, desc, 3), 3);
    assert_int_equal(nf_port_receive(port, 0, p, 8), 1);
    assert_int_equal(nf_port_receive(port, 0, p, 8), 0);
    assert_int_equal(fake_host_get(&h, 0, desc, 1), 1);
    assert_int_equal(nf_port_receive(port, 0, p, 8), 1);
    assert_int_equal(p[0].desc.buf, fake_host_id(3));
    assert_int_equal(fake_host_get(&h, 0, desc, FAKE_RING_SIZE),
                     FAKE_RING_SIZE);
    assert_int_equal(desc[FAKE_RING_SIZE - 1].buf, fake_host_id(2));
    nf_port_close(port);
}

static void
test_alloc(void **state)
{
    struct nf_port *port = open_port();
    struct vhc_desc desc[2];
    struct nf_packet p[4];

    (void) state;
    assert_int_equal(nf_port_alloc(port, 0, p, 4), 0);
    for (int i = 0; i < 2; i++) {
        desc[i] = (struct vhc_desc) {
            .buf = fake_host_id(i), .off = FAKE_HEADROOM,
        };
    }
    assert_int_equal(fake_host_fill(&h, 0, desc, 2), 2);
    assert_int_equal(nf_port_alloc(port, 0, p, 4), 2);
    assert_int_equal(nf_packet_len(&p[1]), 0);
    memset(nf_packet_append(&p[1], 100), 0x5a, 100);
    assert_int_equal(nf_port_send(port, 0, p + 1, 1), 1);
    assert_int_equal(fake_host_get(&h, 0, desc, 2), 1);
    assert_int_equal(desc[0].buf, fake_host_id(1));
    assert_int_equal(desc[0].len, 100);
    assert_int_equal(fake_host_data(&h, &desc[0])[99], 0x5a);
    assert_int_equal(nf_port_stats(port)->allocated, 2);
    nf_port_close(port);
}

static void
test_read_only(void **state)
{
    struct nf_port_options options = { .read_only = true };
    struct vhc_desc desc;
    struct nf_packet p;
    struct nf_port *port;

    (void) state;
    for (int i = 0; i < 3; i++) {
        uid_t uid = geteuid();

        pthread_mutex_lock(&h.mutex);
        h.access = i == 1 ? VHC_READ_ONLY : VHC_READ_WRITE;
        pthread_mutex_unlock(&h.mutex);
        if (i == 2) {           /* Root could write in any case. */
            chmod(h.dir, 0755);
            chmod(h.pool_path, 0444);
            chmod(h.ring_path, 0666);
            assert_int_equal(seteuid(uid ? uid : 65534), 0);
        }
        assert_int_equal(nf_port_open(h.ring_path, i ? NULL : &options, &port,
                                      NULL), 0);
        assert_int_equal(seteuid(uid), 0);
        assert_true(nf_port_info(port)->read_only);
        desc = fake_host_frame(&h, fake_host_id(5), 60, 5);
        fake_host_put(&h, 0, &desc, 1);
        assert_int_equal(nf_port_receive(port, 0, &p, 1), 1);
        assert_int_equal(p.data[10], 5);
        assert_null(nf_packet_push(&p, 4));
        assert_null(nf_packet_append(&p, 4));
        assert_non_null(nf_packet_pull(&p, 4));
        nf_port_close(port);
    }
}

static void
test_detached(void **state)
{
    struct nf_port *port = open_port();
    struct vhc_desc desc = fake_host_frame(&h, fake_host_id(1), 60, 1);
    struct nf_error err;
    struct nf_packet p;

    (void) state;
    assert_int_equal(fake_host_put(&h, 0, &desc, 1), 1);
    fake_host_detach(&h, VHC_REASON_CLOSED);
    assert_int_equal(nf_port_receive(port, 0, &p, 1), 0);
    p = (struct nf_packet) { .desc = desc };
    assert_int_equal(nf_port_send(port, 0, &p, 1), 0);
    assert_int_equal(nf_port_alloc(port, 0, &p, 1), 0);
    assert_int_equal(nf_port_status(port, &err), ENOTCONN);
    assert_string_equal(err.text,
                        "port fw: the port was deleted or reconfigured, "
                        "or the switch restarted");
    assert_int_equal(nf_wait(&port, 1, 900000), 0);
    nf_port_close(port);
}

static void
test_impossible_index(void **state)
{
    struct nf_port *port = open_port();
    struct nf_packet p;

    (void) state;
    __atomic_store_n(&port->queues[0].rx.ring->prod, FAKE_RING_SIZE + 1,
                     __ATOMIC_RELEASE);
    assert_int_equal(nf_port_receive(port, 0, &p, 1), 0);
    assert_int_equal(nf_port_status(port, NULL), EPROTO);
    nf_port_close(port);
}

int
main(void)
{
#define TEST(NAME)                                                          \
    cmocka_unit_test_prestate_setup_teardown(NAME, fake_host_setup,         \
                                             fake_host_teardown, &h)
    const struct CMUnitTest tests[] = {
        TEST(test_attach),
        TEST(test_polls),
        TEST(test_attach_is_quick),
        TEST(test_refusals),
        TEST(test_no_answer),
        TEST(test_two_nfs),
        TEST(test_after_a_kill),
        TEST(test_round_trip),
        TEST(test_ring_full),
        TEST(test_bad_descriptors),
        TEST(test_bad_descriptor_ring_full),
        TEST(test_alloc),
        TEST(test_read_only),
        TEST(test_detached),
        TEST(test_impossible_index),
    };

    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
