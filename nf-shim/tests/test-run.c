/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The run loop: forwarding, sleeping, being detached, attaching again. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-host.h"
#include "nf/shim.h"

static struct fake_host h, peer;

/* A running NF that drops frames of 'd's, hands those of 'l's to the guest's
 * kernel and marks the others with what they are filled with. */
struct nf {
    struct nf_run run;
    struct nf_error err;
    pthread_t thread;
    int error;
    int n_reloads, n_reports;   /* Atomic. */
};

static void
handle(struct nf_burst *burst, void *nf)
{
    (void) nf;
    for (unsigned int i = 0; i < burst->n; i++) {
        struct nf_packet *p = &burst->packets[i];

        if (p->data[0] == 'd') {
            nf_packet_set_verdict(p, VHC_DROP);
        } else if (p->data[0] == 'l') {
            nf_packet_set_verdict(p, VHC_LOCAL);
        } else {
            nf_packet_set_nf_mark(p, p->data[0]);
        }
    }
}

static void
reload(void *nf)
{
    __atomic_fetch_add(&((struct nf *) nf)->n_reloads, 1, __ATOMIC_RELAXED);
}

static void
report(FILE *stream, void *nf)
{
    (void) stream;
    __atomic_fetch_add(&((struct nf *) nf)->n_reports, 1, __ATOMIC_RELAXED);
}

static void *
run_thread(void *nf_)
{
    struct nf *nf = nf_;

    nf->error = nf_run(&nf->run, &nf->err);
    return NULL;
}

static void
nf_init(struct nf *nf, unsigned int n_ports)
{
    *nf = (struct nf) {
        .run = {
            .name = "test",
            .rings = { h.ring_path, peer.ring_path },
            .n_ports = n_ports,
            .quiet = true,
            .burst = handle,
            .reload = reload,
            .report = report,
            .aux = nf,
        },
    };
}

static void
nf_start(struct nf *nf)
{
    assert_int_equal(pthread_create(&nf->thread, NULL, run_thread, nf), 0);
}

static void
nf_stop(struct nf *nf)
{
    nf_run_raise(&nf->run, NF_RUN_STOP);
    pthread_join(nf->thread, NULL);
}

/* Waits up to five seconds until 'host' has seen 'n' attachments. */
static void
await_attached(struct fake_host *host, uint32_t n)
{
    for (int i = 0; i < 5000; i++) {
        uint32_t n_attached;

        pthread_mutex_lock(&host->mutex);
        n_attached = host->n_attached;
        pthread_mutex_unlock(&host->mutex);
        if (n_attached >= n) {
            return;
        }
        fake_sleep(1000);
    }
    fail_msg("not attached");
}

static int
setup(void **state)
{
    (void) state;
    fake_host_create(&h, "blue", "in");
    fake_host_create_beside(&peer, &h, "out");
    fake_host_start(&h);
    fake_host_start(&peer);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fake_host_destroy(&peer);
    fake_host_destroy(&h);
    return 0;
}

/* Sends the frames whose fillings are 'fills' to 'queue' of 'host'. */
static void
put_frames(struct fake_host *host, unsigned int queue, const char *fills)
{
    for (int i = 0; fills[i]; i++) {
        uint32_t id = fake_host_id(100 * queue + i);
        struct vhc_desc desc = fake_host_frame(&h, id, 60, fills[i]);

        desc.mark = 0x70000;
        assert_int_equal(fake_host_put(host, queue, &desc, 1), 1);
    }
}

/* Awaits from 'queue' of 'host' the frames with 'fills', with the verdicts
 * and marks that handle() gave them. */
static void
get_frames(struct fake_host *host, unsigned int queue, const char *fills)
{
    unsigned int n = strlen(fills);
    struct vhc_desc desc[FAKE_RING_SIZE];

    assert_int_equal(fake_host_await(host, queue, desc, n), n);
    for (unsigned int i = 0; i < n; i++) {
        enum vhc_verdict verdict = (fills[i] == 'd' ? VHC_DROP
                                    : fills[i] == 'l' ? VHC_LOCAL
                                    : VHC_FORWARD);

        assert_int_equal(fake_host_data(&h, &desc[i])[0], fills[i]);
        assert_int_equal(desc[i].verdict, verdict);
        assert_int_equal(desc[i].mark,
                         0x70000 | (verdict ? 0 : fills[i]));
    }
}

static void
test_one_port(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 1);
    nf_start(&nf);
    await_attached(&h, 1);
    put_frames(&h, 0, "abcdl");
    put_frames(&h, 1, "xdz");
    get_frames(&h, 0, "abcdl");
    get_frames(&h, 1, "xdz");
    fake_sleep(5000);           /* Now it sleeps. */
    put_frames(&h, 1, "lad");
    get_frames(&h, 1, "lad");
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);
    assert_int_equal(fake_host_n_left(&h), 1);
}

/* All packets cross over, whatever their verdict. */
static void
test_two_ports(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 2);
    nf_start(&nf);
    await_attached(&h, 1);
    await_attached(&peer, 1);
    assert_int_equal(h.nf->peer_token, 0);
    assert_int_not_equal(h.host->token, 0);
    assert_int_equal(peer.nf->peer_token, h.host->token);
    put_frames(&h, 0, "abdlcdx");
    get_frames(&peer, 0, "abdlcdx");
    fake_sleep(5000);
    put_frames(&peer, 1, "dxyl");
    get_frames(&h, 1, "dxyl");

    /* If one goes, both are attached anew. */
    fake_host_detach(&peer, VHC_REASON_CLOSED);
    await_attached(&h, 2);
    await_attached(&peer, 2);
    assert_int_equal(fake_host_n_left(&h), 1);
    assert_int_equal(peer.nf->peer_token, h.host->token);
    put_frames(&h, 0, "ab");
    get_frames(&peer, 0, "ab");
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);
}

static void
test_two_pools(void **state)
{
    struct fake_host red;
    struct nf nf;

    (void) state;
    fake_host_create(&red, "red", "other");
    fake_host_start(&red);
    nf_init(&nf, 2);
    nf.run.rings[1] = red.ring_path;
    nf_start(&nf);
    pthread_join(nf.thread, NULL);
    assert_int_equal(nf.error, EXDEV);
    assert_string_equal(nf.err.text, "port in uses pool \"blue\" and port "
                        "other pool \"red\": the two ports of an NF must use "
                        "the same pool");
    assert_int_equal(fake_host_n_left(&h), 1);
    fake_host_destroy(&red);
}

static void
test_same_port_twice(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 2);
    nf.run.rings[1] = h.ring_path;
    nf_start(&nf);
    pthread_join(nf.thread, NULL);
    assert_int_equal(nf.error, EBUSY);
}

/* More packets than the NF's ring to the switch takes: none is lost. */
static void
test_ring_full(void **state)
{
    const unsigned int n = 3 * FAKE_RING_SIZE;
    struct vhc_desc desc[3 * FAKE_RING_SIZE];
    unsigned int n_put = 0;
    struct nf nf;

    (void) state;
    nf_init(&nf, 1);
    nf_start(&nf);
    await_attached(&h, 1);
    for (unsigned int i = 0; i < n; i++) {
        desc[i] = fake_host_frame(&h, fake_host_id(i), 60, i % 26 + 'A');
    }
    for (int i = 0; i < 100; i++) { /* The switch does not drain. */
        n_put += fake_host_put(&h, 0, desc + n_put, n - n_put);
        fake_sleep(500);
    }
    assert_in_range(n_put, 2 * FAKE_RING_SIZE, n - 1);
    memset(desc, 0, sizeof desc);
    assert_int_equal(fake_host_await(&h, 0, desc, n_put), n_put);
    for (unsigned int i = 0; i < n_put; i++) {
        assert_int_equal(desc[i].buf, fake_host_id(i));
    }
    nf_stop(&nf);
}

/* The port is deleted and added again; the NF comes back by itself. */
static void
test_detached(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 1);
    nf_start(&nf);
    await_attached(&h, 1);
    for (uint32_t i = 2; i < 5; i++) {
        fake_host_detach(&h, VHC_REASON_CLOSED);
        await_attached(&h, i);
        put_frames(&h, 0, "abc");
        get_frames(&h, 0, "abc");
    }
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);
}

/* The switch dies and another one makes a new pool and new rings under the
 * same names: the NF lets go of the old files. */
static void
test_new_files(void **state)
{
    char ring_path[sizeof h.ring_path];
    struct fake_host new;
    struct nf nf;

    (void) state;
    fake_host_create(&new, "blue", "in");
    memcpy(ring_path, h.ring_path, sizeof ring_path);
    nf_init(&nf, 1);
    nf_start(&nf);
    await_attached(&h, 1);
    fake_host_kill(&h);
    assert_int_equal(rename(new.pool_path, h.pool_path), 0);
    assert_int_equal(rename(new.ring_path, h.ring_path), 0);
    fake_host_start(&new);
    await_attached(&new, 1);
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);
    fake_host_destroy(&new);
}

/* A switch that starts takes a request in the file for an answered one. */
static void
test_restarted_switch(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 1);
    pthread_mutex_lock(&h.mutex);
    h.silent = true;
    pthread_mutex_unlock(&h.mutex);
    nf_start(&nf);
    fake_sleep(50000);
    pthread_mutex_lock(&h.mutex);
    h.answered = h.nf->request;
    assert_int_not_equal(h.answered, 0);
    h.silent = false;
    pthread_mutex_unlock(&h.mutex);
    await_attached(&h, 1);
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);
}

static void
test_events(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 1);
    nf_start(&nf);
    await_attached(&h, 1);
    nf_run_raise(&nf.run, NF_RUN_RELOAD | NF_RUN_REPORT);
    for (int i = 0; i < 1000; i++) {
        if (__atomic_load_n(&nf.n_reports, __ATOMIC_RELAXED)) {
            break;
        }
        fake_sleep(1000);
    }
    nf.run.final_report = true;
    nf_stop(&nf);
    assert_int_equal(nf.n_reloads, 1);
    assert_int_equal(nf.n_reports, 2);
}

static void
test_missing_file(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 1);
    nf.run.rings[0] = "/nonexistent/ring";
    nf_start(&nf);
    pthread_join(nf.thread, NULL);
    assert_int_equal(nf.error, ENOENT);

    nf_init(&nf, 1);            /* Waits for the file. */
    nf.run.wait_forever = true;
    assert_int_equal(rename(h.ring_path, peer.ring_path), 0);
    nf_start(&nf);
    fake_sleep(50000);
    assert_int_equal(rename(peer.ring_path, h.ring_path), 0);
    await_attached(&h, 1);
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);

    nf_init(&nf, 1);            /* Is told to stop while it waits. */
    nf.run.wait_forever = true;
    nf.run.rings[0] = "/nonexistent/ring";
    nf_start(&nf);
    nf_stop(&nf);
    assert_int_equal(nf.error, 0);
}

static void
test_bad_run(void **state)
{
    struct nf nf;

    (void) state;
    nf_init(&nf, 0);
    assert_int_equal(nf_run(&nf.run, NULL), EINVAL);
    nf_init(&nf, 3);
    assert_int_equal(nf_run(&nf.run, NULL), EINVAL);
    nf_init(&nf, 1);
    nf.run.burst = NULL;
    assert_int_equal(nf_run(&nf.run, NULL), EINVAL);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_port),
        TEST(test_two_ports),
        TEST(test_two_pools),
        TEST(test_same_port_twice),
        TEST(test_ring_full),
        TEST(test_detached),
        TEST(test_new_files),
        TEST(test_restarted_switch),
        TEST(test_events),
        TEST(test_missing_file),
        TEST(test_bad_run),
    };

    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
