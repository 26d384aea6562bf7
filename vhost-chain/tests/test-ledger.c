/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What a switch makes of what the last one left: rings, records, owners.  No
 * pool, no port: memory only. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger.h"
#include "resume.h"
#include "vhc/port.h"

#define SIZE 64                 /* Entries of a ring. */
#define SLOT 7
#define N_IDS 256

static uint16_t owner[N_IDS];
static struct vhc_limits limits = {
    .owner = owner, .n_ids = N_IDS, .slot = SLOT
};
static union {
    struct vhc_ring ring;
    uint8_t bytes[sizeof(struct vhc_ring) + SIZE * sizeof(struct vhc_desc)];
} shared;

/* Makes entry 'i' refer to buffer 'i' % N_IDS, which is the slot's if 'mine'.
 */
static void
put(uint32_t i, bool mine)
{
    shared.ring.desc[i % SIZE] = (struct vhc_desc) { .buf = i % N_IDS };
    owner[i % N_IDS] = mine ? SLOT : VHC_OWNER_HOST;
}

/* Entries from 'prod' to 'next', of which the first 'given' are the slot's and
 * 'hole', counted from 'prod', is not. */
static const struct prod_case {
    uint32_t prod, cons, next;
    uint32_t given, hole;
    bool ok;
    uint32_t want;              /* 'prod' afterwards. */
} prod_cases[] = {
    /* Each store of a burst of 4. */
    { 100, 90, 100, 0, 99, true, 100 },
    { 100, 90, 104, 0, 99, true, 100 },
    { 100, 90, 104, 1, 99, true, 101 },
    { 100, 90, 104, 2, 99, true, 102 },
    { 100, 90, 104, 3, 99, true, 103 },
    { 100, 90, 104, 4, 99, true, 104 },
    { 104, 90, 104, 4, 99, true, 104 },
    /* The longest. */
    { 100, 100, 132, 32, 99, true, 132 },
    { 100, 68, 132, 32, 99, true, 132 },
    { 100, 100, 133, 33, 99, false, 0 },
    /* Only from the beginning. */
    { 100, 90, 110, 10, 0, true, 100 },
    { 100, 90, 110, 10, 5, true, 105 },
    /* Indices wrap. */
    { UINT32_MAX - 1, UINT32_MAX - 1, 2, 4, 99, true, 2 },
    { UINT32_MAX, UINT32_MAX - 63, UINT32_MAX, 0, 99, true, UINT32_MAX },
    /* Impossible: the NF wrote to 'prod' or 'cons', or another file. */
    { 100, 101, 104, 4, 99, false, 0 },
    { 100, 35, 100, 0, 99, false, 0 },
    { 100, 38, 104, 4, 99, false, 0 },
    { 104, 90, 100, 0, 99, false, 0 },
    { 0, 0, 1000, 0, 99, false, 0 },
};

static void
test_prod(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof prod_cases / sizeof prod_cases[0]; i++) {
        const struct prod_case *c = &prod_cases[i];
        struct vhc_prod p;
        bool ok;

        memset(owner, 0, sizeof owner);
        for (uint32_t j = 0; j < 40; j++) {
            put(c->prod + j, j < c->given && j != c->hole);
        }
        shared.ring.prod = c->prod;
        shared.ring.cons = c->cons;
        ok = vhc_resume_prod(&p, &shared.ring, SIZE, c->next, &limits);
        if (ok != c->ok || shared.ring.prod != (ok ? c->want : c->prod)
            || (ok && (p.prod != c->want || p.cons != c->cons || p.bad
                       || p.size != SIZE || p.ring != &shared.ring))) {
            fail_msg("case %zu: %s, prod %u", i, ok ? "good" : "bad",
                     shared.ring.prod);
        }
    }
}

/* 'n' entries from 'cons' on, of which the first 'taken' are not the slot's,
 * nor is every 'odd'th after them. */
static const struct cons_case {
    uint32_t cons, n;
    uint32_t taken, odd;
    bool ok;
    uint32_t want;              /* 'cons' afterwards. */
} cons_cases[] = {
    /* Each store of a burst of 4. */
    { 100, 4, 0, 99, true, 100 },
    { 100, 4, 1, 99, true, 101 },
    { 100, 4, 2, 99, true, 102 },
    { 100, 4, 3, 99, true, 103 },
    { 100, 4, 4, 99, true, 104 },
    { 104, 0, 0, 99, true, 104 },
    /* More came behind it. */
    { 100, 40, 10, 99, true, 110 },
    /* No more than a burst: the check does the rest. */
    { 100, 64, 32, 99, true, 132 },
    { 100, 64, 64, 99, true, 132 },
    /* What is bad further on is the check's. */
    { 100, 40, 2, 3, true, 102 },
    /* Indices wrap. */
    { UINT32_MAX - 1, 10, 4, 99, true, 2 },
    /* Impossible. */
    { 100, 65, 0, 99, false, 0 },
    { 100, UINT32_MAX, 0, 99, false, 0 },
};

static void
test_cons(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof cons_cases / sizeof cons_cases[0]; i++) {
        const struct cons_case *c = &cons_cases[i];
        struct vhc_cons view;
        bool ok;

        memset(owner, 0, sizeof owner);
        for (uint32_t j = 0; j < SIZE; j++) {
            put(c->cons + j, j >= c->taken && (j - c->taken + 1) % c->odd);
        }
        shared.ring.cons = c->cons;
        shared.ring.prod = c->cons + c->n;
        ok = vhc_resume_cons(&view, &shared.ring, SIZE, &limits);
        if (ok != c->ok || shared.ring.cons != (ok ? c->want : c->cons)
            || (ok && (view.cons != c->want || view.bad
                       || view.prod != c->cons + c->n))) {
            fail_msg("case %zu: %s, cons %u", i, ok ? "good" : "bad",
                     shared.ring.cons);
        }
    }
}

/* Ids that are no buffer's are nobody's. */
static void
test_wild_ids(void **state)
{
    static const uint32_t ids[] = { N_IDS, N_IDS + 1, 1u << 31, UINT32_MAX };

    (void) state;
    memset(owner, SLOT, sizeof owner);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct vhc_prod p;
        struct vhc_cons c;

        shared.ring.desc[0].buf = ids[i];
        shared.ring.prod = shared.ring.cons = 0;
        assert_true(vhc_resume_prod(&p, &shared.ring, SIZE, 1, &limits));
        assert_int_equal(p.prod, 0);
        shared.ring.prod = 1;
        assert_true(vhc_resume_cons(&c, &shared.ring, SIZE, &limits));
        assert_int_equal(c.cons, 1);
    }
}

/* A ledger of the smallest pool, whose buffers begin at id 118. */
static struct vhc_record records[VHC_MAX_SLOTS + 1];
static struct vhc_geometry geometry;
static uint16_t *owners;

static int
setup_ledger(void **state)
{
    (void) state;
    assert_int_equal(vhc_geometry_init(&geometry, 4 << 20, 2 << 20, 2048,
                                       NULL), 0);
    owners = calloc(geometry.n_ids, sizeof *owners);
    assert_non_null(owners);
    memset(records, 0, sizeof records);
    return 0;
}

static int
teardown_ledger(void **state)
{
    (void) state;
    free(owners);
    return 0;
}

static void
make_record(uint32_t slot, uint32_t n_queues, uint32_t attached,
            uint32_t peer)
{
    records[slot] = (struct vhc_record) {
        .n_queues = n_queues,
        .ring_size = 64,
        .attached = attached,
        .number = 1,
        .generation = 1,
        .token = 1,
        .peer = peer,
        .name = "fw",
    };
}

/* Of two ports, 1 and 2: what each says, and is left of it. */
static void
test_peers(void **state)
{
    static const struct {
        struct {
            uint32_t n_queues, attached, peer, want;
        } p[2];
    } cases[] = {
        { { { 1, 1, 2, 2 }, { 1, 1, 1, 1 } } },
        { { { 1, 1, 0, 0 }, { 1, 1, 0, 0 } } },
        /* Being linked: 2 attaches second. */
        { { { 1, 1, 2, 0 }, { 1, 0, 0, 0 } } },
        { { { 1, 1, 2, 0 }, { 1, 0, 1, 0 } } },
        { { { 1, 1, 0, 0 }, { 1, 0, 1, 0 } } },
        /* 2 is being detached. */
        { { { 1, 1, VHC_PEER_GONE, VHC_PEER_GONE }, { 1, 0, 1, 0 } } },
        /* 2 is being detached or closed, and 1 is about to be detached, in
         * either order. */
        { { { 1, 1, VHC_PEER_GONE, VHC_PEER_GONE },
            { 1, 1, 1, VHC_PEER_GONE } } },
        { { { 1, 1, 2, VHC_PEER_GONE },
            { 1, 1, VHC_PEER_GONE, VHC_PEER_GONE } } },
        /* 2 is being closed. */
        { { { 1, 1, VHC_PEER_GONE, VHC_PEER_GONE }, { 0, 1, 1, 0 } } },
        { { { 1, 1, 2, VHC_PEER_GONE }, { 0, 0, 0, 0 } } },
        /* Not of one kind, not of this pool, itself. */
        { { { 1, 1, 2, 0 }, { 2, 1, 1, 0 } } },
        { { { 1, 1, 5000, VHC_PEER_GONE }, { 1, 1, 0, 0 } } },
        { { { 1, 1, 1, 0 }, { 1, 1, 2, 0 } } },
        { { { 1, 0, VHC_PEER_GONE, 0 }, { 1, 1, 0, 0 } } },
    };

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int j = 0; j < 2; j++) {
            make_record(1 + j, cases[i].p[j].n_queues,
                        cases[i].p[j].attached, cases[i].p[j].peer);
        }
        vhc_ledger_sanitize(records, owners, &geometry);
        for (int j = 0; j < 2; j++) {
            if (records[1 + j].peer != cases[i].p[j].want) {
                fail_msg("case %zu: peer of %d is %u", i, 1 + j,
                         records[1 + j].peer);
            }
        }
    }
}

/* Only an attached port's slots own buffers. */
static void
test_owner_table(void **state)
{
    static const struct {
        uint16_t owner, want;
    } cases[] = {
        { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 0 }, { 5, 0 }, { 6, 0 },
        { 1023, 1023 }, { 1022, 0 }, { 1024, 0 }, { VHC_OWNER_NOBODY, 0 },
        { VHC_OWNER_NONE, 0 },
    };
    size_t n = sizeof cases / sizeof cases[0];

    (void) state;
    make_record(1, 3, 1, 0);
    make_record(4, 2, 0, 0);
    make_record(1023, 1, 1, 0);
    for (size_t i = 0; i < n; i++) {
        owners[200 + i] = cases[i].owner;
    }
    vhc_ledger_sanitize(records, owners, &geometry);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(owners[200 + i], cases[i].want);
    }
    assert_int_equal(owners[0], VHC_OWNER_NONE); /* The superblock. */
    assert_int_equal(owners[1000], VHC_OWNER_NONE); /* A gap. */
}

static void
test_bad_records(void **state)
{
    (void) state;
    for (int i = 0; i < 10; i++) {
        struct vhc_record *r = &records[1];

        make_record(1, 1, 1, 0);
        switch (i) {
        case 0: r->n_queues = VHC_MAX_QUEUES + 1; break;
        case 1: r->n_queues = UINT32_MAX; break;
        case 2: r->ring_size = 63; break;
        case 3: r->ring_size = 0; break;
        case 4: r->ring_size = 65536; break;
        case 5: r->access = 2; break;
        case 6: r->name[0] = '\0'; break;
        case 7: memset(r->name, 'a', sizeof r->name); break;
        case 8: r->name[1] = '/'; break;
        default: make_record(VHC_MAX_SLOTS, 2, 1, 0); r->n_queues = 0;
        }
        vhc_ledger_sanitize(records, owners, &geometry);
        assert_int_equal(records[1].n_queues, 0);
        assert_int_equal(records[VHC_MAX_SLOTS].n_queues, 0);
    }
    make_record(1, 4, 1, 0);    /* Overlap: the first has them. */
    make_record(3, 4, 1, 0);
    make_record(5, 1, 1, 0);
    memcpy(records[5].nf, "a\"\n", 4);
    vhc_ledger_sanitize(records, owners, &geometry);
    assert_int_equal(records[1].n_queues, 4);
    assert_int_equal(records[3].n_queues, 0);
    assert_int_equal(records[5].n_queues, 1);
    assert_string_equal(records[5].nf, "a??");
}

/* What follows the end of a name is nothing. */
static void
test_rest_of_name(void **state)
{
    struct vhc_record *r = &records[1];

    (void) state;
    make_record(1, 1, 1, 0);
    r->name[VHC_NAME_SIZE - 2] = '/';
    vhc_ledger_sanitize(records, owners, &geometry);
    assert_int_equal(r->n_queues, 1);
    assert_int_equal(r->name[VHC_NAME_SIZE - 2], '/');
}

static void
scramble(void *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *) p)[i] = random();
    }
}

/* Whatever it was: consistent, and the same the second time. */
static void
test_anything(void **state)
{
    size_t size = geometry.n_ids * sizeof *owners;
    static struct vhc_record copy[VHC_MAX_SLOTS + 1];
    uint16_t *owners_copy = malloc(size);

    (void) state;
    assert_non_null(owners_copy);
    srandom(1);
    for (int i = 0; i < 200; i++) {
        scramble(records, sizeof records);
        scramble(owners, size);
        for (uint32_t j = 1; j < VHC_MAX_SLOTS; j += 1 + random() % 8) {
            make_record(j, random() % 4, random() % 2, random() % 64);
        }
        vhc_ledger_sanitize(records, owners, &geometry);
        memcpy(copy, records, sizeof copy);
        memcpy(owners_copy, owners, size);
        vhc_ledger_sanitize(records, owners, &geometry);
        assert_memory_equal(copy, records, sizeof copy);
        assert_memory_equal(owners_copy, owners, size);
    }
    free(owners_copy);
}

/* Rings of any contents: no more is given or skipped than a burst. */
static void
test_any_ring(void **state)
{
    (void) state;
    srandom(2);
    for (int i = 0; i < 100000; i++) {
        struct vhc_prod p;
        struct vhc_cons c;
        uint32_t prod, cons;

        scramble(&shared, 160 + 64);
        shared.ring.prod = shared.ring.cons + random() % 80;
        prod = shared.ring.prod;
        cons = shared.ring.cons;
        if (vhc_resume_prod(&p, &shared.ring, SIZE, prod + random() % 40,
                            &limits)) {
            assert_in_range(p.prod - prod, 0, VHC_MAX_BURST);
            assert_in_range(p.prod - p.cons, 0, SIZE);
        }
        if (vhc_resume_cons(&c, &shared.ring, SIZE, &limits)) {
            assert_in_range(c.cons - cons, 0, VHC_MAX_BURST);
            assert_in_range(c.prod - c.cons, 0, SIZE);
        }
    }
}

static void
test_head(void **state)
{
    struct vhc_ledger_head want, found;

    (void) state;
    vhc_ledger_head_init(&want, &geometry, 42);
    for (size_t i = 0; i < sizeof found; i++) {
        size_t off = offsetof(struct vhc_ledger_head, uuid);

        found = want;
        ((uint8_t *) &found)[i] ^= 1;
        assert_int_equal(vhc_ledger_matches(&found, &want),
                         i >= off && i < off + VHC_UUID_SIZE);
        assert_int_equal(vhc_ledger_is_head(&found), i >= 8);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prod),
        cmocka_unit_test(test_cons),
        cmocka_unit_test(test_wild_ids),
#define TEST(NAME) cmocka_unit_test_setup_teardown( \
    NAME, setup_ledger, teardown_ledger)
        TEST(test_peers),
        TEST(test_owner_table),
        TEST(test_bad_records),
        TEST(test_rest_of_name),
        TEST(test_anything),
        TEST(test_any_ring),
        TEST(test_head),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
