/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eal.h"
#include "fuzz.h"
#include "host-view.h"
#include "kernel.h"
#include "race.h"
#include "sandbox.h"

#define PAGE_SIZE (128 * 1024)  /* Bytes. */
#define BUFFER_SIZE 16384       /* Bytes. */

struct host host;

static const char *const names[HOST_N_PORTS] = { "fw", "out", "ok" };

/* What the code may do with the words of the ring files. */
static uint8_t kinds[HOST_N_PORTS][RACE_MAX_SIZE / RACE_UNIT];

static void
stop(void)
{
    eal_teardown(NULL);
    sandbox_teardown(NULL);
}

void
host_start(void)
{
    sandbox_setup(NULL);
    assert_int_equal(eal_setup(NULL), 0);
    atexit(stop);
    kernel_reset(0);            /* Tokens of no input. */
    host.outside = rte_pktmbuf_pool_create("outside", 127, 0,
                                           SANDBOX_PRIV_SIZE, 4096,
                                           SOCKET_ID_ANY);
    assert_non_null(host.outside);
}

int
host_make_pool(void)
{
    struct vhc_pool_config config = sandbox_config();
    char *message = NULL;
    int error;

    config.page_size = PAGE_SIZE;
    config.buffer_size = BUFFER_SIZE;
    error = vhc_pool_create(&config, &host.pool, &message);
    if (error) {
        fuzz_trace("%s", message);
    }
    free(message);
    if (!error) {
        assert_int_equal(host.pool->geometry.n_ids, HOST_N_IDS);
        assert_int_equal(host.pool->geometry.stride, HOST_STRIDE);
    }
    return error;
}

const char *
host_ring_path(int k)
{
    char name[64];

    snprintf(name, sizeof name, "ovs-chain.blue.%s", names[k]);
    return scratch_file(&sandbox_links, name);
}

unsigned
host_n_queues(int k)
{
    return host.ports[k].port ? host.ports[k].port->config.n_queues : 0;
}

/* The guest's own kernel takes copies of packets that the NF of a port sends
 * there. */
static unsigned
take_local(void *port_, struct rte_mbuf **mbufs, unsigned n)
{
    struct host_port *hp = port_;

    for (unsigned i = 0; i < n; i++) {
        assert_ptr_equal(mbufs[i]->pool, host.pool->mp);
        assert_int_equal(rte_mbuf_refcnt_read(mbufs[i]), 1);
        assert_true(mbufs[i]->data_len >= VHC_MIN_FRAME);
        assert_true(mbufs[i]->data_off + mbufs[i]->data_len
                    <= mbufs[i]->buf_len);
    }
    n = n < host.local_room ? n : host.local_room;
    hp->n_local += n;
    return n;
}

struct vhc_port_config
host_config(int k)
{
    struct vhc_port_config config = VHC_PORT_CONFIG_INITIALIZER;

    config.name = names[k];
    config.ring_size = 8;
    config.credits = 24;
    config.max_len = HOST_MAX_LEN;
    config.local = take_local;
    config.aux = &host.ports[k];
    return config;
}

/* The host's half of the control block, and what it writes to rings, is not to
 * be read; what an NF asks for and sends, once. */
static void
map_rings(int k)
{
    const struct vhc_port *port = host.ports[k].port;
    size_t n = VHC_RINGS_OFF + port->config.n_queues * VHC_N_RINGS
               * port->ring_bytes;
    uint8_t *kind = kinds[k];

    memset(kind, RACE_ANY, sizeof kinds[k]);
    memset(kind, RACE_NEVER, VHC_CTRL_NF_OFF / RACE_UNIT);
    memset(kind + VHC_CTRL_NF_OFF / RACE_UNIT, RACE_ONCE,
           offsetof(struct vhc_ctrl_nf, need_wakeup) / RACE_UNIT);
    for (size_t i = 0; i < port->config.n_queues * VHC_N_RINGS; i++) {
        uint8_t *ring = kind + (VHC_RINGS_OFF + i * port->ring_bytes)
                               / RACE_UNIT;
        bool tx = i % VHC_N_RINGS == VHC_TX;
        size_t own = tx ? offsetof(struct vhc_ring, cons)
                     : offsetof(struct vhc_ring, prod);

        ring[own / RACE_UNIT] = RACE_NEVER;
        memset(ring + offsetof(struct vhc_ring, desc) / RACE_UNIT,
               tx ? RACE_ONCE : RACE_NEVER,
               port->config.ring_size * sizeof(struct vhc_desc) / RACE_UNIT);
    }
    race_map(port->file.base, n, kind, k == HOST_OK);
}

/* The ring file that is being opened: its NF maps it, too, and may write to
 * it. */
static void *mapped;

static void
note_mapping(void *base, size_t size)
{
    if (size == HOST_RING_FILE_SIZE) {
        race_unmap(mapped);
        race_map(base, RACE_MAX_SIZE, NULL, false);
        mapped = base;
    }
}

int
host_open(int k)
{
    struct host_port *hp = &host.ports[k];
    char *message = NULL;
    int error;

    assert_null(hp->port);
    mapped = NULL;
    kernel.mapped = k == HOST_OK ? NULL : note_mapping;
    kernel.unmapped = race_unmap;
    race_begin();
    error = vhc_port_open(host.pool, &hp->config, &hp->port, &message);
    race_end();
    kernel.mapped = NULL;
    kernel.unmapped = NULL;
    race_unmap(mapped);
    fuzz_trace("    %s: %s", names[k], error ? message
               : vhc_state_name(hp->port->attach.state));
    fuzz_note(error);
    free(message);
    if (!error) {
        map_rings(k);
        hp->header = *hp->port->host;
        hp->waiting = false;
        host_check();
    }
    return error;
}

void
host_close(int k, bool remove)
{
    struct host_port *hp = &host.ports[k];

    if (hp->port) {
        race_unmap(hp->port->file.base);
        vhc_port_close(hp->port, remove);
        hp->port = NULL;
        hp->waiting = false;
        host_check();
    }
}

void
host_kill(void)
{
    host_drop(host.n_hand);
    for (int k = 0; k < HOST_N_PORTS; k++) {
        struct host_port *hp = &host.ports[k];

        if (hp->port) {
            race_unmap(hp->port->file.base);
            vhc_port_abandon(hp->port);
            hp->port = NULL;
            hp->waiting = false;
        }
    }
    vhc_pool_destroy(host.pool, false);
    host.pool = NULL;
}

static int
compare(const void *a_, const void *b_)
{
    uintptr_t a = *(const uintptr_t *) a_, b = *(const uintptr_t *) b_;

    return a < b ? -1 : a > b;
}

/* Takes all mbufs out of 'mp', looks at each, and puts them back in order, so
 * that what comes next does not depend on what was. */
static void
sort_mempool(struct rte_mempool *mp)
{
    struct rte_mempool_cache *cache
        = rte_mempool_default_cache(mp, rte_lcore_id());
    struct rte_mbuf *mbufs[HOST_N_IDS];
    unsigned n = mp->size;

    if (cache) {
        rte_mempool_cache_flush(cache, mp);
    }
    assert_true(n <= HOST_N_IDS);
    assert_int_equal(rte_mempool_generic_get(mp, (void **) mbufs, n, NULL),
                     0);
    qsort(mbufs, n, sizeof *mbufs, compare);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(!i || mbufs[i] != mbufs[i - 1]);
        assert_int_equal(rte_mbuf_refcnt_read(mbufs[i]), 1);
        assert_int_equal(mbufs[i]->nb_segs, 1);
        assert_null(mbufs[i]->next);
        if (mp == host.pool->mp) {
            uint32_t id = vhc_pool_id(host.pool, mbufs[i]);

            assert_true(id < HOST_N_IDS);
            assert_ptr_equal(host.pool->mbufs[id], mbufs[i]);
        }
    }
    rte_mempool_generic_put(mp, (void **) mbufs, n, NULL);
}

void
host_close_ports(int n)
{
    struct vhc_account account;
    uint32_t credits = 0;

    host_drop(host.n_hand);
    for (int k = 0; k < n; k++) {
        host_close(k, false);
        (void) !truncate(host_ring_path(k), 0); /* It may be gone. */
    }
    for (int k = n; k < HOST_N_PORTS; k++) {
        credits += host.ports[k].port ? host.ports[k].config.credits : 0;
    }
    assert_int_equal(host.pool->credits, credits);
    account = sandbox_account(host.pool);
    assert_int_equal(account.free, account.all);
}

void
host_renew(void)
{
    struct vhc_ledger *ledger = &host.pool->ledger;

    sort_mempool(host.pool->mp);
    sort_mempool(host.outside);
    host.pool->last_slot = 0;
    for (int slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        if (!host.pool->slots[slot].port) {
            memset(&host.pool->slots[slot], 0, sizeof *host.pool->slots);
            memset(&ledger->records[slot], 0, sizeof *ledger->records);
        }
    }
}

/* True while the switch waits for its threads, and has looked at the port. */
static bool
may_not_run(const struct host_port *hp)
{
    bool any = false;

    for (int k = 0; k < HOST_N_PORTS; k++) {
        any |= host.ports[k].waiting;
    }
    return !hp->port || hp->waiting || (any && hp->ran);
}

/* Checks what 'event' says, and the NF is told, of what was 'before'. */
static void
check_event(struct vhc_port *port, enum vhc_port_event event,
            const struct vhc_attach *before)
{
    const struct vhc_attach *now = &port->attach;
    struct vhc_ctrl_host shared = *port->host;
    bool told = !vhc_shmfile_is_lost(&port->file);

    assert_int_equal(now->generation, before->generation
                     + (now->state == VHC_ATTACHED
                        && before->state != VHC_ATTACHED));
    switch (event) {
    case VHC_PORT_ATTACHED:
        assert_true(vhc_port_is_attached(port));
        break;
    case VHC_PORT_REFUSED:
        assert_int_equal(now->state, VHC_REFUSED);
        assert_int_not_equal(now->reason, VHC_REASON_NONE);
        break;
    case VHC_PORT_DETACHED:
        assert_int_equal(vhc_port_owned(port), 0);
        break;
    case VHC_PORT_DETACHING:
    case VHC_PORT_LINKING:
        assert_false(vhc_port_is_attached(port));
        return;                 /* The NF is not told yet. */
    case VHC_PORT_SAME:
    case VHC_PORT_STALLED:
    case VHC_PORT_DRAINS:
    default:
        assert_memory_equal(now, before, sizeof *now);
        return;
    }
    if (told) {
        assert_int_equal(shared.answer, now->state == VHC_DETACHED ? 0
                                        : now->number);
        assert_int_equal(shared.state, now->state);
        assert_int_equal(shared.generation, now->generation);
        assert_int_equal(shared.reason, now->reason);
    }
}

/* Lets 'act' work on port 'k', which moves no buffers but back to the pool. */
static enum vhc_port_event
act_on(int k, enum vhc_port_event (*act)(struct vhc_port *))
{
    struct host_port *hp = &host.ports[k];
    struct vhc_attach attach = hp->port->attach;
    enum vhc_port_event event;

    race_begin();
    event = act(hp->port);
    race_end();
    check_event(hp->port, event, &attach);
    hp->waiting = event == VHC_PORT_DETACHING || event == VHC_PORT_LINKING;
    fuzz_trace("    %s: event %d, %s: %s", names[k], event,
               vhc_state_name(hp->port->attach.state),
               vhc_reason_text(hp->port->attach.reason));
    fuzz_note(event);
    host_check();
    return event;
}

enum vhc_port_event
host_run(int k)
{
    struct host_port *hp = &host.ports[k];
    struct host_view before;
    enum vhc_port_event event;

    if (may_not_run(hp)) {
        return VHC_PORT_SAME;
    }
    host_look(&before);
    event = act_on(k, vhc_port_run);
    hp->ran = true;
    host_check_moves(&before, VHC_OWNER_NOBODY, VHC_OWNER_NOBODY);
    return event;
}

void
host_quiesce(void)
{
    for (int k = 0; k < HOST_N_PORTS; k++) {
        if (host.ports[k].port && host.ports[k].waiting) {
            act_on(k, vhc_port_quiesced);
        }
    }
    for (int k = 0; k < HOST_N_PORTS; k++) {
        host.ports[k].ran = false;
    }
}
