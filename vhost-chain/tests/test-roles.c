/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* All that vhc/port.h allows at the same time, in threads of its own:
 *
 *     receiver --+                   +-- rx ring --> NF
 *       |        +-- port, queue i --+                |
 *     sender ----+                   +-- tx ring <----+
 *
 *     control     runs the port, and waits for the others when it must
 *     watcher     reads all statistics
 *
 * What the receiver gets it frees, and the sender sends new packets.  The NF
 * forwards and drops, detaches and attaches, and breaks a ring now and then.
 * Each packet has a number, in its mark, that tells whether it is whole.
 *
 * This is for ThreadSanitizer.  It knows data by their addresses, so the NF
 * uses the switch's own mappings here. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "eal.h"
#include "pool-private.h"
#include "port-private.h"
#include "rig.h"

#ifndef N_ROUNDS
#define N_ROUNDS 200            /* Attachments. */
#endif
#define N_PACKETS 2000          /* That the NF takes in each. */
#define N_QUEUES 2
#define BURST 32
#define LIMIT 300               /* Seconds. */

/* Held by a thread in the data path, as OVS's threads hold RCU. */
static pthread_rwlock_t quiescence = PTHREAD_RWLOCK_INITIALIZER;
static bool stop;               /* Atomic. */
static uint32_t looks;          /* Atomic.  Turns of control. */
static uint64_t n_wrong;        /* Atomic.  Packets that were not whole. */
static unsigned queues[N_QUEUES];

static bool
goes_on(void)
{
    return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static unsigned
len_of(uint32_t mark)
{
    return 64 + mark % 1024;
}

static void *
receive(void *queue)
{
    struct rte_mbuf *mbufs[BURST];

    while (goes_on()) {
        unsigned n;

        pthread_rwlock_rdlock(&quiescence);
        n = vhc_port_rx(rig.port, *(unsigned *) queue, mbufs, BURST);
        pthread_rwlock_unlock(&quiescence);
        for (unsigned i = 0; i < n; i++) {
            if (mbufs[i]->pkt_len != len_of(*rig_mark(mbufs[i]))) {
                __atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED);
            }
            rte_pktmbuf_free(mbufs[i]);
        }
        if (!n) {
            sched_yield();
        }
    }
    return NULL;
}

static void *
transmit(void *queue)
{
    uint32_t mark = 0;

    while (goes_on()) {
        struct rte_mbuf *mbufs[BURST];
        unsigned n = 0, want = 1 + mark % BURST;

        while (n < want && (mbufs[n] = rte_pktmbuf_alloc(rig.pool->mp))) {
            *rig_mark(mbufs[n]) = mark;
            rte_pktmbuf_append(mbufs[n], len_of(mark));
            mark++;
            n++;
        }
        pthread_rwlock_rdlock(&quiescence);
        n = vhc_port_tx(rig.port, *(unsigned *) queue, mbufs, n);
        pthread_rwlock_unlock(&quiescence);
        if (n < want) {
            sched_yield();
        }
    }
    return NULL;
}

static void *
watch(void *unused)
{
    (void) unused;
    while (goes_on()) {
        struct vhc_port_stats stats;
        struct vhc_account account;
        struct vhc_hop *hops;

        vhc_port_get_stats(rig.port, &stats);
        vhc_port_get_hops(rig.port, &hops);
        free(hops);
        vhc_pool_get_account(rig.pool, &account);
        vhc_port_is_stalled(rig.port);
        vhc_port_token(rig.port);
        vhc_port_set_vm(rig.port, VHC_VM_RUNS);
        usleep(100);
    }
    return NULL;
}

/* The NF. */

static void
await_state(uint32_t state)
{
    while (__atomic_load_n(&rig.nf.host->state, __ATOMIC_ACQUIRE) != state) {
        sched_yield();
    }
}

/* Waits until the switch has looked at the port from beginning to end. */
static void
await_look(void)
{
    uint32_t before = __atomic_load_n(&looks, __ATOMIC_ACQUIRE);

    while (__atomic_load_n(&looks, __ATOMIC_ACQUIRE) - before < 2) {
        sched_yield();
    }
}

/* Sends back up to a burst, of which it drops every fifth. */
static unsigned
forward(unsigned queue)
{
    struct vhc_desc descs[BURST];
    unsigned room = vhc_ring_reserve(&rig.nf.tx[queue], BURST);
    unsigned n = fake_nf_get(&rig.nf, queue, descs, room);

    for (unsigned i = 0; i < n; i++) {
        descs[i].verdict = descs[i].mark % 5 ? VHC_FORWARD : VHC_DROP;
    }
    fake_nf_put(&rig.nf, queue, descs, n);
    return n;
}

static void *
be_nf(void *unused)
{
    (void) unused;
    for (uint32_t round = 1; round <= N_ROUNDS; round++) {
        unsigned n = 0;

        fake_nf_prepare(&rig.nf);
        rig.nf.nf->fill_level = round % 3 * 8;
        __atomic_store_n(&rig.nf.nf->request, round, __ATOMIC_RELEASE);
        await_state(VHC_ATTACHED);
        while (n < N_PACKETS) {
            unsigned done = forward(0) + forward(1);

            n += done;
            if (!done) {
                sched_yield();
            }
        }
        if (round % 4 == 0) {
            __atomic_store_n(&fake_nf_ring(&rig.nf, 1, VHC_TX)->prod,
                             UINT32_MAX / 2, __ATOMIC_RELEASE);
            await_state(VHC_DETACHED);
        }
        fake_nf_leave(&rig.nf);
        await_state(VHC_DETACHED);
        await_look();
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    return NULL;
}

static void
control(void)
{
    enum vhc_port_event event = vhc_port_run(rig.port);

    if (event == VHC_PORT_DETACHING) {
        pthread_rwlock_wrlock(&quiescence);
        pthread_rwlock_unlock(&quiescence);
        event = vhc_port_quiesced(rig.port);
    }
    assert_int_not_equal(event, VHC_PORT_REFUSED);
    vhc_pool_run(rig.pool);
    vhc_port_set_max_len(rig.port, looks % 2 ? RIG_MAX_LEN : 1500);
    __atomic_fetch_add(&looks, 1, __ATOMIC_RELEASE);
}

/* Does what fake_nf_open() does, but for the mappings. */
static void
open_nf(void)
{
    rig.nf = (struct fake_nf) {
        .fd = -1,
        .host = rig.port->host,
        .nf = rig.port->nf,
        .pool = (struct vhc_pool_sb *) rig.pool->base,
    };
}

static void
test_roles(void **state)
{
    struct vhc_port_config config = rig_config();
    pthread_t threads[2 * N_QUEUES + 2];
    unsigned n = 0;

    (void) state;
    config.n_queues = N_QUEUES;
    config.stall_ms = 1;
    rig.port = rig_open(&config);
    open_nf();
    alarm(LIMIT);
    for (unsigned i = 0; i < N_QUEUES; i++) {
        queues[i] = i;
        pthread_create(&threads[n++], NULL, receive, &queues[i]);
        pthread_create(&threads[n++], NULL, transmit, &queues[i]);
    }
    pthread_create(&threads[n++], NULL, watch, NULL);
    pthread_create(&threads[n++], NULL, be_nf, NULL);
    while (goes_on()) {
        control();
        usleep(200);
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    alarm(0);
    rig.nf.host = NULL;         /* There is nothing to be closed. */

    assert_int_equal(n_wrong, 0);
    rig_check_account(0, 0);
    print_message("%d attachments, %llu packets to the NF, %llu back\n",
                  N_ROUNDS, (unsigned long long) rig_stats().tx_packets,
                  (unsigned long long) rig_stats().rx_packets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_roles, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, eal_setup, eal_teardown);
}
