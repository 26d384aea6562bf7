/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "leftovers.h"

#include <string.h>

#define RECORD_WORDS (sizeof(struct vhc_record) / sizeof(uint32_t))

uint32_t
leftovers_slot(uint8_t a)
{
    return a & 0x20 ? VHC_MAX_SLOTS - (a & 0x1f) : 1 + (a & 0x1f);
}

struct vhc_record *
leftovers_record(struct leftovers *left, uint8_t a)
{
    uint32_t slot = leftovers_slot(a);

    left->touched[slot] = true;
    return &left->records[slot];
}

void
leftovers_reset(struct leftovers *left, const struct vhc_geometry *g)
{
    for (int i = 0; i < LEFTOVERS_N_RECORDS; i++) {
        if (left->touched[i]) {
            memset(&left->records[i], 0, sizeof *left->records);
            left->touched[i] = false;
        }
    }
    for (int id = 0; id < LEFTOVERS_N_IDS; id++) {
        left->owner[id] = (vhc_geometry_is_buffer(g, id) ? VHC_OWNER_HOST
                           : VHC_OWNER_NONE);
    }
}

static void
make_port(struct vhc_record *r, const struct op *op)
{
    *r = (struct vhc_record) {
        .n_queues = op->b % 4 + 1,
        .ring_size = 64,
        .inode = 1,
        .attached = op->c & 1,
        .token = 1, .number = 1, .generation = 1,
        .features = op->v & VHC_NF_F_ALL,
        .name = "fw", .nf = "nf",
    };
}

static void
fill(struct vhc_record *r, uint32_t random)
{
    uint32_t *words = (uint32_t *) r;

    for (size_t i = 0; i < RECORD_WORDS; i++) {
        random = random * 1664525 + 1013904223;
        words[i] = random;
    }
}

void
leftovers_do(struct leftovers *left, enum left_op code, const struct op *op)
{
    struct vhc_record *r = leftovers_record(left, op->a);

    switch (code) {
    case LEFT_PORT: make_port(r, op); break;
    case LEFT_LINK:
        r->peer = leftovers_slot(op->b);
        leftovers_record(left, op->b)->peer = leftovers_slot(op->a);
        break;
    case LEFT_FIELD:
        ((uint32_t *) r)[op->b % RECORD_WORDS] = op->v;
        break;
    case LEFT_BYTE: ((uint8_t *) r)[op->b] = op->v; break;
    case LEFT_RANDOM: fill(r, op->v); break;
    case LEFT_OWN:
        for (int i = 0; i < op->c; i++) {
            left->owner[(op->b + i) % LEFTOVERS_N_IDS]
                = leftovers_slot(op->a);
        }
        break;
    case LEFT_OWNER:
    default:
        left->owner[op->b] = op->v;
        break;
    }
}

static const char *
find_port_fault(const struct vhc_record *r, uint32_t slot)
{
    if (r->n_queues > VHC_MAX_QUEUES
        || slot + r->n_queues > VHC_MAX_SLOTS + 1) {
        return "a port with too many queues";
    }
    if (!r->ring_size || r->ring_size & (r->ring_size - 1)
        || r->ring_size > VHC_MAX_RING_SIZE) {
        return "an impossible ring size";
    }
    if (r->access != VHC_READ_WRITE && r->access != VHC_READ_ONLY) {
        return "an impossible access";
    }
    if (!strnlen(r->name, VHC_NAME_SIZE) || r->name[VHC_NAME_SIZE - 1]
        || strchr(r->name, '/')) {
        return "an impossible name";
    }
    return NULL;
}

static const char *
find_nf_fault(const struct vhc_record *r)
{
    if (r->attached > 1) {
        return "an attachment that is neither";
    }
    if (r->attached && (!r->number || !r->generation || !r->token
                        || r->features & ~VHC_NF_F_ALL)) {
        return "an impossible attachment";
    }
    if (r->nf[VHC_NAME_SIZE - 1]) {
        return "an NF's name that does not end";
    }
    for (const char *p = r->nf; *p; p++) {
        if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\') {
            return "an NF's name that cannot be printed";
        }
    }
    return NULL;
}

static const char *
find_peer_fault(const struct vhc_record *records, uint32_t slot)
{
    const struct vhc_record *r = &records[slot];
    const struct vhc_record *peer;

    if (!r->peer) {
        return NULL;
    }
    if (!r->attached) {
        return "a peer of a port with no NF";
    }
    if (r->peer == VHC_PEER_GONE) {
        return NULL;
    }
    if (r->peer > VHC_MAX_SLOTS || r->peer == slot) {
        return "an impossible peer";
    }
    peer = &records[r->peer];
    if (peer->peer != slot || !peer->attached
        || peer->n_queues != r->n_queues) {
        return "a peer that is not a peer's";
    }
    return NULL;
}

/* Stores in 'covers' for each slot the first slot of its port, or 0. */
static const char *
find_record_fault(const struct vhc_record *records, uint16_t *covers)
{
    const char *fault = NULL;
    uint32_t end = 0;

    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS && !fault; slot++) {
        const struct vhc_record *r = &records[slot];

        if (!r->n_queues) {
            covers[slot] = slot < end ? covers[slot - 1] : 0;
            continue;
        }
        if (slot < end) {
            return "two ports that share a slot";
        }
        end = slot + r->n_queues;
        covers[slot] = slot;
        fault = find_port_fault(r, slot);
        fault = fault ? fault : find_nf_fault(r);
        fault = fault ? fault : find_peer_fault(records, slot);
    }
    return fault;
}

const char *
leftovers_find_fault(const struct leftovers *left,
                     const struct vhc_geometry *g)
{
    uint16_t covers[VHC_MAX_SLOTS + 1] = { 0 };
    const char *fault = find_record_fault(left->records, covers);

    for (uint32_t id = 0; id < g->n_ids && !fault; id++) {
        uint16_t slot = left->owner[id];

        if ((slot == VHC_OWNER_NONE) == vhc_geometry_is_buffer(g, id)) {
            fault = "an owner of no buffer, or a buffer that is none";
        } else if (slot != VHC_OWNER_HOST && slot != VHC_OWNER_NONE
                   && (slot > VHC_MAX_SLOTS || !covers[slot]
                       || !left->records[covers[slot]].attached)) {
            fault = "a buffer of a slot without an NF";
        }
    }
    return fault;
}
