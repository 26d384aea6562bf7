/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* A switch that is killed and another that starts, again and again, while the
 * hostile NF goes on and the ledger is not what it was.
 *
 * An honest NF stays attached and keeps what it holds, as long as nobody has
 * touched the ledger.  Whatever has been left, each buffer is found; once the
 * pool has settled, nothing is kept for ports that are not there; and a new NF
 * can attach to each port and is served. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "kernel.h"
#include "leftovers.h"
#include "race.h"
#include "sandbox.h"
#include "world.h"

#define LEDGER_SIZE (VHC_LEDGER_OWNER_OFF                                   \
                     + LEFTOVERS_N_IDS * sizeof(uint16_t))
#define MAX_KILLS 3             /* They take most of the time. */
#define MAX_OWNED 80            /* Buffers. */
#define DECOY_SIZE 16384        /* Bytes. */

static bool running;            /* A switch is. */
static unsigned n_kills;        /* Of switches, in this input. */
static bool tampered;           /* With the ledger, since it was killed. */
static uint32_t n_requests;     /* Of honest NFs. */
static struct vhc_ledger_head head; /* When the switch was killed. */

/* The ledger, while no switch runs. */
static struct leftovers left;

/* A file in the same directory that is none of the switch's. */
static uint8_t *decoy;

static const char *
ledger_path(void)
{
    return scratch_file(&sandbox_links, ".ovs-chain.blue.owner");
}

static const char *
decoy_path(void)
{
    return scratch_file(&sandbox_links, "decoy");
}

static void *
map_file(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *p;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    close(fd);
    return p;
}

void
fuzz_start(void)
{
    host_start();
    assert_int_equal(host_make_pool(), 0);
    running = true;
    decoy = map_file(decoy_path(), DECOY_SIZE);
}

static void
check_decoy(void)
{
    struct stat st;

    assert_int_equal(stat(decoy_path(), &st), 0);
    assert_int_equal(st.st_size, DECOY_SIZE);
    for (size_t i = 0; i < DECOY_SIZE / sizeof(uint64_t); i++) {
        if (((uint64_t *) decoy)[i]) {
            fail_msg("somebody else's file was written to at %zu",
                     i * sizeof(uint64_t));
        }
    }
}

static void
kill_switch(void)
{
    hostile_stay(&world.nf);
    host_kill();
    left.records = map_file(ledger_path(), LEDGER_SIZE);
    left.owner = (uint16_t *) ((uint8_t *) left.records
                               + VHC_LEDGER_OWNER_OFF);
    memcpy(&head, left.records, sizeof head);
    running = tampered = false;
}

/* The ledger, as the new switch has found and mended it. */
static void
check_ledger(void)
{
    struct leftovers found = {
        .records = host.pool->ledger.records, .owner = host.pool->owner
    };
    const char *fault = leftovers_find_fault(&found, &host.pool->geometry);

    if (fault) {
        fail_msg("sanitized, there still is %s", fault);
    }
    fuzz_note_bytes(found.owner, LEFTOVERS_N_IDS * sizeof *found.owner);
}

/* Opens port 'k', if it is not open.  While a pool has not settled, ports that
 * are not there may keep all slots. */
static void
open_port(int k)
{
    int error = host.ports[k].port ? 0 : host_open(k);

    if (error) {
        assert_int_equal(error, ENOSPC);
        vhc_pool_settle(host.pool);
        host_check();
        assert_int_equal(host_open(k), 0);
    }
}

static void
open_honest(void)
{
    open_port(HOST_OK);
    if (tampered) {
        honest_attach(&world.honest, HOST_OK, ++n_requests);
    } else {
        honest_again(&world.honest);
    }
}

/* A ledger may say that ports that are not there own all buffers, until the
 * pool settles.  Leaves some for those that have to be served. */
static void
limit_owned(void)
{
    unsigned n = 0;

    for (int id = 0; id < LEFTOVERS_N_IDS; id++) {
        uint16_t *owner = &left.owner[id];

        if (*owner != VHC_OWNER_HOST && *owner != VHC_OWNER_NONE
            && ++n > MAX_OWNED) {
            *owner = VHC_OWNER_HOST;
        }
    }
}

/* 'a': which ports of the hostile NF are opened; 'b': the last one first, and
 * the honest NF's last. */
static void
start_switch(const struct op *op)
{
    bool same = !memcmp(left.records, &head, sizeof head);

    if (tampered) {
        limit_owned();
    }
    hostile_let_go(&world.nf);
    munmap(left.records, LEDGER_SIZE);
    memset(left.touched, 0, sizeof left.touched);
    assert_int_equal(host_make_pool(), 0);
    running = true;
    fuzz_note(host.pool->ledger.recovered);
    assert_true(!same || host.pool->ledger.recovered);
    tampered |= !host.pool->ledger.recovered;
    check_ledger();
    host_check();
    if (!(op->b & 2)) {
        open_honest();
    }
    for (int i = 0; i < HOSTILE_N_PORTS; i++) {
        int k = op->b & 1 ? HOSTILE_N_PORTS - 1 - i : i;

        if (op->a & 1 << k) {
            open_port(k);
        }
    }
    if (op->b & 2) {
        open_honest();
    }
}

static void
settle(void)
{
    vhc_pool_settle(host.pool);
    host_check();
    for (int slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        assert_true(!host.pool->ledger.records[slot].n_queues
                    || host.pool->slots[slot].port);
    }
}

/* Makes record 'a' one that fits port 'b', or the decoy; bit 0 of 'c': with an
 * NF, of features 'v'; the rest of 'c': packets under way. */
static void
fit(const struct op *op)
{
    int k = op->b % HOSTILE_N_PORTS;
    const struct vhc_port_config *config = &host.ports[k].config;
    struct vhc_record *r = leftovers_record(&left, op->a);
    const uint8_t *base = hostile_base(&world.nf, k);
    struct stat st;

    if (base && !stat(op->b & 0x40 ? decoy_path() : host_ring_path(k), &st)) {
        const struct vhc_ring *ring
            = (const struct vhc_ring *) (base + VHC_RINGS_OFF);

        *r = (struct vhc_record) {
            .n_queues = config->n_queues,
            .ring_size = config->ring_size,
            .access = config->access,
            .inode = st.st_ino,
            .attached = op->c & 1,
            .number = 1, .generation = 1,
            .token = ((const struct vhc_ctrl_host *) base)->token,
            .features = op->v & VHC_NF_F_ALL,
            .fill_level = op->v >> 8 & 0xff,
            .rx_next = ring->prod + op->c / 2,
        };
        strcpy(r->name, config->name);
    }
}

/* The switch was killed while it gave the NF of 'r', record 'a', 'b' entries
 * of the ring at 'base', of which the first 'c' became the NF's: burst.c. */
static void
give_some(struct vhc_record *r, const uint8_t *base, uint32_t size,
          const struct op *op)
{
    const struct vhc_ring *ring
        = (const struct vhc_ring *) (base + VHC_RINGS_OFF);

    r->rx_next = ring->prod + op->b % 40;
    for (uint32_t i = 0; i < op->c % 40u; i++) {
        uint32_t id = ring->desc[(ring->prod + i) % size].buf;

        if (id < LEFTOVERS_N_IDS) {
            left.owner[id] = leftovers_slot(op->a);
        }
    }
}

static void
put_under_way(const struct op *op)
{
    struct vhc_record *r = leftovers_record(&left, op->a);

    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        const struct vhc_port_config *config = &host.ports[k].config;
        const uint8_t *base = hostile_base(&world.nf, k);

        if (base && !strncmp(r->name, config->name, VHC_NAME_SIZE)) {
            give_some(r, base, config->ring_size, op);
        }
    }
}

/* What happens while no switch runs. */
static void
do_between(enum resume_op code, const struct op *op)
{
    if (code <= RESUME_RACE) {
        world_do((enum rx_op) code, op);
    } else if (code == RESUME_CONFIG) {
        world_configure(op);
    } else if (code == RESUME_START) {
        start_switch(op);
    } else if (code >= RESUME_PORT) {
        tampered = true;
        switch (code) {
        case RESUME_HEAD:
            ((uint8_t *) left.records)[op->b] ^= op->v;
            break;
        case RESUME_FIT: fit(op); break;
        case RESUME_UNDER_WAY: put_under_way(op); break;
        case RESUME_KILL:
        case RESUME_SETTLE: break;
        default:
            leftovers_do(&left, (enum left_op) (code - RESUME_PORT), op);
            break;
        }
    }
}

static void
do_op(unsigned code, const struct op *op)
{
    if (!running) {
        do_between(code, op);
    } else if (code < N_RX_OPS) {
        world_do(code, op);
        host_check();
    } else if (code == RESUME_KILL && n_kills++ < MAX_KILLS) {
        kill_switch();
    } else if (code == RESUME_SETTLE) {
        settle();
    }
}

/* Makes a file whole that somebody has truncated.  If its header is not what
 * it was, the port has to be opened anew. */
static void
repair(int k)
{
    const struct host_port *hp = &host.ports[k];

    for (int i = 0; i < 4 && vhc_shmfile_is_lost(&hp->port->file); i++) {
        host_run(k);
        host_quiesce();
    }
    assert_false(vhc_shmfile_is_lost(&hp->port->file));
    assert_int_equal(ftruncate(hp->port->file.fd, HOST_RING_FILE_SIZE), 0);
    if (memcmp(hp->port->host, &hp->header,
               offsetof(struct vhc_ctrl_host, token))) {
        host_close(k, false);
        open_port(k);
    }
    vhc_port_set_max_len(hp->port, HOST_MAX_LEN);
}

/* After all that, the ports are as good as new. */
static void
end(void)
{
    struct honest late;

    if (!running) {
        start_switch(&(struct op) { .a = 3 });
    }
    race_reset();
    honest_release(&world.honest);
    host_drop(host.n_hand);
    host_quiesce();
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        open_port(k);
    }
    settle();
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        repair(k);
        honest_attach(&late, k, 0x80000000 + ++n_requests);
        honest_round(&late, 64, k);
        hostile_forget(&world.nf, k);
    }
    host_close_ports(HOST_N_PORTS);
    host_renew();
    check_decoy();
}

static void
start(const struct op *op)
{
    world_reset();
    world_configure(op);
    n_requests = n_kills = 0;
    host.ports[HOST_OK].config = host_config(HOST_OK);
    open_port(HOST_OK);
    honest_attach(&world.honest, HOST_OK, ++n_requests);
    honest_hold(&world.honest);
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        open_port(k);
    }
}

void
fuzz_one(const uint8_t *data, size_t size)
{
    struct op op = ops_first(data, size);

    start(&op);
    ops_run(data, size, 1, resume_names, N_RESUME_OPS, do_op);
    end();
}
