/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What a switch reads that starts, alone and fast: a ledger of any content is
 * made consistent, one that is consistent stays as it is, and a ring goes on
 * where it stopped, whatever the NF writes to it meanwhile. */

#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "fuzz.h"
#include "leftovers.h"
#include "ops.h"
#include "race.h"
#include "resume.h"
#include "vhc/port.h"

#define MAX_LOG_SIZE 6

static struct vhc_geometry geometry;

/* All of exactly the size that it has, so that whoever reads beyond is found:
 * the ledger, what it was, and a ring of each size. */
static struct leftovers left;
static struct vhc_record *before;
static struct vhc_ring *rings[MAX_LOG_SIZE + 1];
static uint8_t kinds[1024];

static uint32_t next_index;

void
fuzz_start(void)
{
    char *message = NULL;

    assert_int_equal(vhc_geometry_init(&geometry, 4 << 20, 128 << 10, 16384,
                                       &message), 0);
    assert_int_equal(geometry.n_ids, LEFTOVERS_N_IDS);
    left.records = calloc(LEFTOVERS_N_RECORDS, sizeof *left.records);
    left.owner = calloc(LEFTOVERS_N_IDS, sizeof *left.owner);
    before = calloc(LEFTOVERS_N_RECORDS, sizeof *before);
    memset(kinds, RACE_ONCE, sizeof kinds);
    memset(kinds, RACE_ANY, sizeof(struct vhc_ring) / RACE_UNIT);
    for (int i = 0; i <= MAX_LOG_SIZE; i++) {
        rings[i] = calloc(1, vhc_ring_bytes(1u << i));
    }
}

static struct vhc_ring *
ring_of(const struct op *op)
{
    return rings[op->b % (MAX_LOG_SIZE + 1)];
}

/* Returns true if the slot owns the buffer of entry 'i' of 'ring'. */
static bool
owns(const struct vhc_ring *ring, uint32_t size, uint32_t i,
     const struct vhc_limits *limits)
{
    uint32_t buf = ring->desc[i % size].buf;

    return buf < LEFTOVERS_N_IDS && left.owner[buf] == limits->slot;
}

/* The host's rings: what was under way is handed over as far as it is the
 * NF's, and no further. */
static void
produce(const struct op *op, struct vhc_ring *ring, uint32_t size,
        const struct vhc_limits *limits)
{
    struct vhc_prod p = { .bad = false };
    uint32_t prod = ring->prod;
    bool ok;

    race_begin();
    ok = vhc_resume_prod(&p, ring, size, next_index, limits);
    race_end();
    fuzz_trace("    slot %u, size %u: %d, %u to %u", limits->slot, size, ok,
               prod, p.prod);
    fuzz_note(ok);
    if (!ok) {
        assert_true(!(op->c & 1) || ring->prod == prod);
        return;
    }
    fuzz_note(p.prod);
    assert_ptr_equal(p.ring, ring);
    assert_int_equal(p.size, size);
    assert_false(p.bad);
    assert_true(p.prod - p.cons <= size);
    assert_true(next_index - p.prod <= VHC_MAX_BURST);
    if (op->c & 1) {
        assert_int_equal(ring->prod, p.prod);
        for (uint32_t i = prod; i != p.prod; i++) {
            assert_true(owns(ring, size, i, limits));
        }
        assert_true(p.prod == next_index
                    || !owns(ring, size, p.prod, limits));
    }
}

/* The NF's ring: what was taken is skipped, at most a burst. */
static void
consume(const struct op *op, struct vhc_ring *ring, uint32_t size,
        const struct vhc_limits *limits)
{
    struct vhc_cons c = { .bad = false };
    uint32_t cons = ring->cons;
    bool ok;

    race_begin();
    ok = vhc_resume_cons(&c, ring, size, limits);
    race_end();
    fuzz_trace("    slot %u, size %u: %d, %u to %u", limits->slot, size, ok,
               cons, c.cons);
    fuzz_note(ok);
    if (!ok) {
        assert_true(!(op->c & 1) || ring->cons == cons);
        return;
    }
    fuzz_note(c.cons);
    assert_ptr_equal(c.ring, ring);
    assert_int_equal(c.size, size);
    assert_false(c.bad);
    assert_true(c.prod - c.cons <= size);
    assert_true(c.cons - cons <= VHC_MAX_BURST);
    if (op->c & 1) {
        assert_int_equal(ring->cons, c.cons);
        for (uint32_t i = cons; i != c.cons; i++) {
            assert_false(owns(ring, size, i, limits));
        }
    }
}

/* Bit 0 of 'c' says that the NF writes nothing meanwhile. */
static void
resume(enum ledger_op code, const struct op *op)
{
    struct vhc_ring *ring = ring_of(op);
    uint32_t size = 1u << op->b % (MAX_LOG_SIZE + 1);
    struct vhc_limits limits = {
        .owner = left.owner, .n_ids = LEFTOVERS_N_IDS, .room = geometry.stride,
        .max_len = 1518, .slot = leftovers_slot(op->a),
    };

    if (op->c & 1) {
        race_reset();
    }
    race_map(ring, vhc_ring_bytes(size), kinds, false);
    if (code == LEDGER_PRODUCE) {
        produce(op, ring, size, &limits);
    } else {
        consume(op, ring, size, &limits);
    }
    race_unmap(ring);
}

static void
do_op(unsigned code, const struct op *op)
{
    switch (code) {
    case LEDGER_INDEX:
        if (op->a % 3 == 2) {
            next_index = op->v;
        } else {
            *(op->a % 3 ? &ring_of(op)->cons : &ring_of(op)->prod) = op->v;
        }
        break;
    case LEDGER_DESC:
        for (int i = 0; i < op->c; i++) {
            uint32_t n = 1u << op->v % (MAX_LOG_SIZE + 1);

            rings[op->v % (MAX_LOG_SIZE + 1)]->desc[(op->a + i) % n].buf
                = op->b + i + (op->v & 0xffff0000);
        }
        break;
    case LEDGER_RACE: race_arm(op->a, op->v); break;
    case LEDGER_PRODUCE:
    case LEDGER_CONSUME: resume(code, op); break;
    default: leftovers_do(&left, (enum left_op) code, op); break;
    }
}

static void
sanitize(void)
{
    const char *fault = leftovers_find_fault(&left, &geometry);
    uint16_t owner[LEFTOVERS_N_IDS];

    fuzz_trace("    before: %s", fault ? fault : "good");
    for (int i = 0; i < LEFTOVERS_N_RECORDS; i++) {
        if (left.touched[i]) {
            before[i] = left.records[i];
        }
    }
    memcpy(owner, left.owner, sizeof owner);
    vhc_ledger_sanitize(left.records, left.owner, &geometry);
    if (!fault) {
        assert_memory_equal(left.owner, owner, sizeof owner);
    }
    for (int i = 0; i < LEFTOVERS_N_RECORDS; i++) {
        if (left.touched[i]) {
            if (!fault && before[i].n_queues) {
                assert_memory_equal(&left.records[i], &before[i],
                                    sizeof *before);
            }
            fuzz_note_bytes(&left.records[i], sizeof *before);
        }
    }
    fuzz_note_bytes(left.owner, sizeof owner);
    fault = leftovers_find_fault(&left, &geometry);
    if (fault) {
        fail_msg("sanitized, there still is %s", fault);
    }
}

static void
reset(void)
{
    race_reset();
    leftovers_reset(&left, &geometry);
    for (int i = 0; i <= MAX_LOG_SIZE; i++) {
        memset(rings[i], 0, vhc_ring_bytes(1u << i));
    }
    next_index = 0;
}

void
fuzz_one(const uint8_t *data, size_t size)
{
    reset();
    ops_run(data, size, 0, ledger_names, N_LEDGER_OPS, do_op);
    sanitize();
}
