/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* The host's side of the handshake, alone: whatever stands in the NF's control
 * block, and changes while it is read, what the state machine does is what
 * attach.h says, and for a reason that is true. */

#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "fuzz.h"
#include "ops.h"
#include "race.h"
#include "vhc/port.h"

#define N_QUEUES 2

/* An operation writes word 'a' of the control block, if 'c' says so, and lets
 * the switch look. */
enum {
    WRITE = 1 << 0,             /* 'v' to word 'a'. */
    GOOD = 1 << 1,              /* All but the number is that of a good NF. */
    NUMBER = 1 << 2,            /* The request is 'v'. */
    RACE = 1 << 3,              /* After 'a' loads, write 'v'. */
    LOST = 1 << 4,              /* As in struct vhc_expect. */
    PEER = 1 << 5,
    INDICES = 1 << 6,
    FAULT = 1 << 7              /* An attached NF must go: 'b'. */
};

static const uint8_t uuid[VHC_UUID_SIZE] = "0123456789abcdef";

/* All that is shared, each half on its own so that whoever reads or writes
 * beyond it is found. */
static struct vhc_ctrl_nf *nf;
static struct vhc_ctrl_host *shared;

static struct vhc_attach attach;

/* The whole request may be read once. */
static uint8_t kinds[sizeof *nf / RACE_UNIT];

void
fuzz_start(void)
{
    nf = malloc(sizeof *nf);
    shared = malloc(sizeof *shared);
    memset(kinds, RACE_ONCE, sizeof kinds);
    race_map(nf, sizeof *nf, kinds, false);
}

static void
write_good(void)
{
    uint32_t number = nf->request;

    *nf = (struct vhc_ctrl_nf) {
        .request = number,
        .abi_version = VHC_ABI_VERSION,
        .n_queues = N_QUEUES,
        .name = "nf",
    };
    memcpy(nf->pool_uuid, uuid, sizeof nf->pool_uuid);
}

static void
write_words(const struct op *op)
{
    uint32_t *words = (uint32_t *) nf;

    if (op->c & GOOD) {
        write_good();
    }
    if (op->c & NUMBER) {
        nf->request = op->v;
    } else if (op->c & RACE) {
        race_arm(op->a, op->v);
    } else if (op->c & WRITE) {
        words[op->a % (sizeof *nf / sizeof *words)] = op->v;
    }
}

static void
check_request(const struct vhc_request *req)
{
    static const struct vhc_request none;
    bool printable = true;

    for (size_t i = 0; i < sizeof req->name; i++) {
        char c = req->name[i];

        printable &= !c || (c >= ' ' && c <= '~' && c != '"' && c != '\\');
    }
    assert_true(printable && !req->name[sizeof req->name - 1]);
    if (!req->number) {
        assert_memory_equal(req, &none, sizeof none);
    }
}

/* Returns true if 'reason' is true of 'req'. */
static bool
is_true(enum vhc_reason reason, const struct vhc_request *req,
        const struct vhc_expect *expect)
{
    switch (reason) {
    case VHC_REASON_ABI: return req->abi_version != VHC_ABI_VERSION;
    case VHC_REASON_RESERVED: return req->reserved;
    case VHC_REASON_LOST: return expect->lost;
    case VHC_REASON_POOL:
        return memcmp(req->pool_uuid, uuid, sizeof uuid) != 0;
    case VHC_REASON_FEATURES: return req->features > VHC_NF_F_ALL;
    case VHC_REASON_QUEUES: return req->n_queues != N_QUEUES;
    case VHC_REASON_PEER: return req->peer_token && !expect->peer_attached;
    case VHC_REASON_INDICES: return !expect->indices_zero;
    default: return false;
    }
}

/* A request may attach if nothing is wrong with it. */
static bool
is_good(const struct vhc_request *req, const struct vhc_expect *expect)
{
    bool any = false;

    for (int reason = 0; reason < VHC_N_REASONS; reason++) {
        any |= is_true(reason, req, expect);
    }
    return !any;
}

static void
check_step(enum vhc_step step, const struct vhc_attach *was,
           const struct vhc_attach *is, const struct vhc_request *req,
           const struct vhc_expect *expect, enum vhc_reason fault)
{
    bool asks = req->number && req->number != was->number;
    bool attached = was->state == VHC_ATTACHED;

    switch (step) {
    case VHC_STEP_ATTACH:
        assert_true(asks && !attached && is_good(req, expect));
        assert_int_equal(is->state, VHC_ATTACHED);
        assert_int_equal(is->reason, VHC_REASON_NONE);
        break;
    case VHC_STEP_REFUSE:
        assert_true(asks && !attached && is_true(is->reason, req, expect));
        assert_true(is->reason == VHC_REASON_ABI
                    || !is_true(VHC_REASON_ABI, req, expect));
        assert_int_equal(is->state, VHC_REFUSED);
        break;
    case VHC_STEP_DETACH:
        assert_true(attached);
        assert_int_equal(is->state, VHC_DETACHED);
        assert_int_equal(is->reason, !req->number ? VHC_REASON_LEFT
                                     : asks ? VHC_REASON_REPLACED : fault);
        assert_int_not_equal(is->reason, VHC_REASON_NONE);
        break;
    case VHC_STEP_NONE:
    default:
        assert_true(attached ? !asks && req->number && !fault : !asks);
        assert_memory_equal(is, was, sizeof *is);
        return;
    }

    /* What was answered is not answered again. */
    assert_int_equal(is->number, step == VHC_STEP_DETACH ? was->number
                                 : req->number);
    assert_int_equal(is->generation, was->generation
                                     + (step == VHC_STEP_ATTACH));
}

/* Tells the NF, and checks that it is told that, and nothing else. */
static void
publish(void)
{
    struct vhc_ctrl_host want = *shared;

    want.state = attach.state;
    want.reason = attach.reason;
    want.generation = attach.generation;
    want.answer = attach.state == VHC_DETACHED ? 0 : attach.number;
    vhc_attach_publish(&attach, shared);
    assert_memory_equal(shared, &want, sizeof want);
    assert_true(strlen(vhc_reason_text(attach.reason)) > 0);
}

static void
look(const struct op *op)
{
    enum vhc_reason fault = op->c & FAULT ? op->b % VHC_N_REASONS : 0;
    struct vhc_attach was = attach;
    struct vhc_request req;
    struct vhc_expect expect = {
        .n_queues = N_QUEUES,
        .lost = op->c & LOST,
        .peer_attached = !(op->c & PEER),
        .indices_zero = !(op->c & INDICES),
    };
    enum vhc_step step;

    memcpy(expect.pool_uuid, uuid, sizeof uuid);
    memset(&req, 0xff, sizeof req);
    race_begin();
    vhc_request_read(nf, &req);
    race_end();
    check_request(&req);
    step = vhc_attach_step(&attach, &req, &expect, fault);
    fuzz_trace("request %#x, c=%#x: step %d, generation %u: %s", req.number,
               op->c, step, attach.generation,
               vhc_reason_text(attach.reason));
    check_step(step, &was, &attach, &req, &expect, fault);
    if (step != VHC_STEP_NONE) {
        publish();
    }
    fuzz_note(step);
    fuzz_note(attach.reason);
}

static void
do_op(unsigned code, const struct op *op)
{
    (void) code;
    write_words(op);
    look(op);
}

void
fuzz_one(const uint8_t *data, size_t size)
{
    race_reset();
    attach = (struct vhc_attach) { .state = VHC_DETACHED };
    memset(nf, 0, sizeof *nf);
    memset(shared, 0xa5, sizeof *shared);
    look(&(struct op) { .c = 0 });
    ops_run(data, size, 0, NULL, 1, do_op);
}
