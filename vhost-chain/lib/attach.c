/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "attach.h"

#include <string.h>

#include "vhc/port.h"

static uint32_t
load(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void
store(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

/* Copies 'src', in shared memory, and makes it fit to print. */
static void
copy_name(char dst[VHC_NAME_SIZE], const char *src)
{
    for (int i = 0; i < VHC_NAME_SIZE; i++) {
        char c = __atomic_load_n(&src[i], __ATOMIC_RELAXED);

        dst[i] = c == '\0' || (c >= ' ' && c <= '~' && c != '"' && c != '\\')
                 ? c : '?';
    }
    dst[VHC_NAME_SIZE - 1] = '\0';
}

void
vhc_request_read(const struct vhc_ctrl_nf *nf, struct vhc_request *req)
{
    memset(req, 0, sizeof *req);

    /* The NF writes 'request' last, so this comes first. */
    req->number = __atomic_load_n(&nf->request, __ATOMIC_ACQUIRE);
    if (!req->number) {
        return;
    }

    req->abi_version = load(&nf->abi_version);
    req->features = load(&nf->features);
    req->n_queues = load(&nf->n_queues);
    req->fill_level = load(&nf->fill_level);
    req->pid = load(&nf->pid);
    req->peer_token = __atomic_load_n(&nf->peer_token, __ATOMIC_RELAXED);
    for (int i = 0; i < VHC_UUID_SIZE; i++) {
        req->pool_uuid[i] = __atomic_load_n(&nf->pool_uuid[i],
                                            __ATOMIC_RELAXED);
    }
    copy_name(req->name, nf->name);
    for (size_t i = 0;
         i < sizeof nf->reserved0 / sizeof nf->reserved0[0]; i++) {
        req->reserved |= load(&nf->reserved0[i]) != 0;
    }
}

enum vhc_reason
vhc_request_check(const struct vhc_request *req,
                  const struct vhc_expect *expect)
{
    if (req->abi_version != VHC_ABI_VERSION) {
        return VHC_REASON_ABI;
    }
    if (req->reserved) {
        return VHC_REASON_RESERVED;
    }
    if (expect->lost) {
        return VHC_REASON_LOST;
    }
    if (memcmp(req->pool_uuid, expect->pool_uuid, VHC_UUID_SIZE)) {
        return VHC_REASON_POOL;
    }
    if (req->features & ~VHC_NF_F_ALL) {
        return VHC_REASON_FEATURES;
    }
    if (req->n_queues != expect->n_queues) {
        return VHC_REASON_QUEUES;
    }
    if (req->peer_token && !expect->peer_attached) {
        return VHC_REASON_PEER;
    }
    if (!expect->indices_zero) {
        return VHC_REASON_INDICES;
    }
    return VHC_REASON_NONE;
}

static enum vhc_step
detach(struct vhc_attach *attach, enum vhc_reason reason)
{
    attach->state = VHC_DETACHED;
    attach->reason = reason;
    return VHC_STEP_DETACH;
}

enum vhc_step
vhc_attach_step(struct vhc_attach *attach, const struct vhc_request *req,
                const struct vhc_expect *expect, enum vhc_reason fault)
{
    if (attach->state == VHC_ATTACHED) {
        if (!req->number) {
            return detach(attach, VHC_REASON_LEFT);
        }
        if (req->number != attach->number) {
            return detach(attach, VHC_REASON_REPLACED);
        }
        return fault ? detach(attach, fault) : VHC_STEP_NONE;
    }

    if (!req->number || req->number == attach->number) {
        return VHC_STEP_NONE;
    }

    attach->number = req->number;
    attach->reason = vhc_request_check(req, expect);
    if (attach->reason) {
        attach->state = VHC_REFUSED;
        return VHC_STEP_REFUSE;
    }
    attach->state = VHC_ATTACHED;
    attach->generation++;
    if (!attach->generation) {
        attach->generation = 1;
    }
    return VHC_STEP_ATTACH;
}

/* After a detachment 'answer' becomes 0, which tells an NF that waits in its
 * close that the switch is done with it.  The buffers are back by then, unless
 * the port is being closed. */
void
vhc_attach_publish(const struct vhc_attach *attach,
                   struct vhc_ctrl_host *host)
{
    store(&host->reason, attach->reason);
    store(&host->generation, attach->generation);
    __atomic_store_n(&host->state, attach->state, __ATOMIC_RELEASE);
    __atomic_store_n(&host->answer,
                     attach->state == VHC_DETACHED ? 0 : attach->number,
                     __ATOMIC_RELEASE);
}

const char *
vhc_state_name(enum vhc_state state)
{
    return (state == VHC_ATTACHED ? "attached"
            : state == VHC_REFUSED ? "refused" : "detached");
}

const char *
vhc_reason_text(enum vhc_reason reason)
{
    static const char *const texts[] = {
#define VHC_REASON(NAME, TEXT) TEXT,
        VHC_REASONS
#undef VHC_REASON
    };

    return reason < VHC_N_REASONS ? texts[reason] : "unknown reason";
}
