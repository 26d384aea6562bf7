/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_ATTACH_H
#define VHC_ATTACH_H 1

/* The host's side of the attach handshake, as a state machine.
 *
 * Usage
 * -----
 *
 *     vhc_request_read(nf, &req);
 *     switch (vhc_attach_step(&attach, &req, &expect, fault)) {
 *     case VHC_STEP_ATTACH: make the rings ready;
 *     case VHC_STEP_REFUSE: vhc_attach_publish(&attach, host); break;
 *     case VHC_STEP_DETACH: stop the data path, reclaim the buffers,
 *                           vhc_attach_publish(&attach, host); break;
 *     case VHC_STEP_NONE: break;
 *     }
 *
 * States: DETACHED or REFUSED, until a request with a number that was not
 * answered yet arrives; then ATTACHED or REFUSED.  ATTACHED until the request
 * changes (0: the NF left; another number: another NF took its place) or the
 * caller has found a fault.  A request that was answered is never answered
 * again, so what a dead NF left in the file does not attach itself.
 *
 * Thread-safety: one thread at a time. */

#include <stdbool.h>
#include <stdint.h>

#include "vhc/abi.h"

/* A private copy of an NF's request, each word of it read once. */
struct vhc_request {
    uint32_t number;
    uint32_t abi_version;
    uint32_t features;
    uint32_t n_queues;
    uint32_t fill_level;
    uint32_t pid;
    uint64_t peer_token;        /* 0: has no other port. */
    uint8_t pool_uuid[VHC_UUID_SIZE];
    char name[VHC_NAME_SIZE];   /* Printable ASCII, NUL-terminated. */
    bool reserved;              /* A reserved word was nonzero. */
};

/* What a good request says. */
struct vhc_expect {
    uint32_t n_queues;
    uint8_t pool_uuid[VHC_UUID_SIZE];
    bool lost;                  /* The pool was truncated. */
    bool peer_attached;         /* 'peer_token' of the request is good. */
    bool indices_zero;          /* The NF zeroed its ring indices. */
};

struct vhc_attach {
    enum vhc_state state;
    enum vhc_reason reason;     /* Of the last refusal or detachment. */
    uint32_t number;            /* Of the last request answered. */
    uint32_t generation;        /* Attachments so far; 0 only before the
                                 * first, though it wraps. */
};

enum vhc_step {
    VHC_STEP_NONE,
    VHC_STEP_ATTACH,
    VHC_STEP_REFUSE,
    VHC_STEP_DETACH
};

/* Copies the request that 'nf', in shared memory, holds to '*req'. */
void vhc_request_read(const struct vhc_ctrl_nf *nf, struct vhc_request *req);

/* Returns VHC_REASON_NONE if 'req' may attach, otherwise why not. */
enum vhc_reason vhc_request_check(const struct vhc_request *req,
                                  const struct vhc_expect *expect);

/* Advances 'attach' for the request that was read last.  'fault' is why an
 * attached NF must go, VHC_REASON_NONE if nothing is wrong. */
enum vhc_step vhc_attach_step(struct vhc_attach *attach,
                              const struct vhc_request *req,
                              const struct vhc_expect *expect,
                              enum vhc_reason fault);

/* Tells the NF the state of 'attach' through 'host', in shared memory.  What
 * is granted must be in place before. */
void vhc_attach_publish(const struct vhc_attach *attach,
                        struct vhc_ctrl_host *host);

#endif /* attach.h */
