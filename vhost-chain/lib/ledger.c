/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "vhc/port.h"

static struct vhc_ledger_head *
head_of(const struct vhc_ledger *ledger)
{
    return (struct vhc_ledger_head *) ledger->records;
}

static void
store(uint32_t *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

void
vhc_ledger_head_init(struct vhc_ledger_head *head,
                     const struct vhc_geometry *g, uint64_t inode)
{
    *head = (struct vhc_ledger_head) {
        .magic = VHC_LEDGER_MAGIC,
        .version = VHC_LEDGER_VERSION,
        .abi_version = VHC_ABI_VERSION,
        .size = g->size,
        .page_size = g->page_size,
        .inode = inode,
        .buffer_size = g->buffer_size,
        .stride = g->stride,
        .n_ids = g->n_ids,
        .max_slots = VHC_MAX_SLOTS,
    };
}

bool
vhc_ledger_is_head(const struct vhc_ledger_head *found)
{
    return found->magic == VHC_LEDGER_MAGIC;
}

bool
vhc_ledger_matches(const struct vhc_ledger_head *found,
                   const struct vhc_ledger_head *want)
{
    struct vhc_ledger_head other = *want;

    memcpy(other.uuid, found->uuid, sizeof other.uuid);
    return !memcmp(found, &other, sizeof other);
}

bool
vhc_ledger_peek(const char *path, struct vhc_ledger_head *head)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid()
         && pread(fd, head, sizeof *head, 0) == sizeof *head
         && vhc_ledger_is_head(head);
    close(fd);
    return ok;
}

/* From here on nothing is true until vhc_ledger_commit(): the head goes before
 * the rest does. */
static void
empty(struct vhc_ledger *ledger, const struct vhc_geometry *g)
{
    __atomic_store_n(&head_of(ledger)->magic, 0, __ATOMIC_RELAXED);
    vhc_ledger_order();
    memset(&ledger->records[1], 0, VHC_MAX_SLOTS * sizeof *ledger->records);
    for (uint32_t id = 0; id < g->n_ids; id++) {
        ledger->owner[id] = (vhc_geometry_is_buffer(g, id) ? VHC_OWNER_HOST
                             : VHC_OWNER_NONE);
    }
}

int
vhc_ledger_open(struct vhc_ledger *ledger, const char *path,
                const struct vhc_geometry *g, bool pool_existed,
                struct vhc_ledger_head *want, char **errp)
{
    size_t size = VHC_LEDGER_OWNER_OFF + g->n_ids * sizeof *ledger->owner;
    int error = vhc_shmfile_open(&ledger->file, path, size, getegid(), 0600,
                                 errp);

    error = error ? error : vhc_shmfile_map(&ledger->file, 0, errp);
    if (error) {
        return error;
    }
    ledger->records = (struct vhc_record *) ledger->file.base;
    ledger->owner = (uint16_t *) (ledger->file.base + VHC_LEDGER_OWNER_OFF);
    ledger->recovered = pool_existed && ledger->file.existed
                        && vhc_ledger_matches(head_of(ledger), want);
    if (ledger->recovered) {
        memcpy(want->uuid, head_of(ledger)->uuid, sizeof want->uuid);
        vhc_ledger_sanitize(ledger->records, ledger->owner, g);
    } else {
        empty(ledger, g);
    }
    return 0;
}

/* The head of a ledger that was recovered is true already, and stays so. */
void
vhc_ledger_commit(struct vhc_ledger *ledger,
                  const struct vhc_ledger_head *head)
{
    struct vhc_ledger_head *shared = head_of(ledger);

    if (!ledger->recovered) {
        struct vhc_ledger_head new = *head;

        new.magic = 0;
        *shared = new;
        vhc_ledger_order();
        __atomic_store_n(&shared->magic, head->magic, __ATOMIC_RELAXED);
    }
}

static bool
is_possible(const struct vhc_record *r, uint32_t slot)
{
    return r->n_queues >= 1 && r->n_queues <= VHC_MAX_QUEUES
           && slot + r->n_queues - 1 <= VHC_MAX_SLOTS
           && vhc_is_pow2(r->ring_size) && r->ring_size <= VHC_MAX_RING_SIZE
           && r->access <= VHC_READ_ONLY
           && r->name[0] && !r->name[VHC_NAME_SIZE - 1]
           && !strchr(r->name, '/');
}

/* Makes the attachment that 'r' describes one that can be, or none. */
static void
sanitize_attachment(struct vhc_record *r)
{
    r->attached = r->attached == 1 && r->number && r->generation && r->token
                  && !(r->features & ~VHC_NF_F_ALL);
    r->nf[VHC_NAME_SIZE - 1] = '\0';
    for (int i = 0; r->nf[i]; i++) {
        if (r->nf[i] < ' ' || r->nf[i] > '~' || r->nf[i] == '"'
            || r->nf[i] == '\\') {
            r->nf[i] = '?';
        }
    }
    if (!r->attached) {
        r->peer = 0;
    }
}

/* Clears the records that cannot be, and stores in 'covers' for each slot the
 * first slot of its port, or 0. */
static void
sanitize_records(struct vhc_record *records, uint16_t *covers)
{
    uint32_t end = 1;           /* Of the last good record. */

    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        struct vhc_record *r = &records[slot];

        if (slot < end) {
            r->n_queues = 0;
            covers[slot] = covers[slot - 1];
        } else if (is_possible(r, slot)) {
            sanitize_attachment(r);
            end = slot + r->n_queues;
            covers[slot] = slot;
        } else {
            memset(r, 0, sizeof *r);
            covers[slot] = 0;
        }
    }
}

/* Two ports are linked if each names the other and both are attached; one that
 * names another must go with it: see record.h. */
static uint32_t
sanitized_peer(const struct vhc_record *records, uint32_t slot)
{
    const struct vhc_record *r = &records[slot];
    const struct vhc_record *peer;

    if (!r->peer || r->peer == slot || r->peer == VHC_PEER_GONE) {
        return r->peer == slot ? 0 : r->peer;
    }
    if (r->peer > VHC_MAX_SLOTS || !records[r->peer].n_queues) {
        return VHC_PEER_GONE;
    }
    peer = &records[r->peer];
    if (peer->peer == VHC_PEER_GONE) {
        return VHC_PEER_GONE;
    }
    return peer->peer == slot && peer->attached
           && peer->n_queues == r->n_queues ? r->peer : 0;
}

void
vhc_ledger_sanitize(struct vhc_record *records, uint16_t *owner,
                    const struct vhc_geometry *g)
{
    uint16_t covers[VHC_MAX_SLOTS + 1] = { 0 };

    sanitize_records(records, covers);
    for (uint32_t slot = 1; slot <= VHC_MAX_SLOTS; slot++) {
        if (records[slot].n_queues) {
            records[slot].peer = sanitized_peer(records, slot);
        }
    }
    for (uint32_t id = 0; id < g->n_ids; id++) {
        uint16_t slot = owner[id] <= VHC_MAX_SLOTS ? covers[owner[id]] : 0;

        if (!vhc_geometry_is_buffer(g, id)) {
            owner[id] = VHC_OWNER_NONE;
        } else if (!slot || !records[slot].attached) {
            owner[id] = VHC_OWNER_HOST;
        }
    }
}

/* 'n_queues' is what makes it a record: it is written last and cleared first,
 * so there never is half a record. */
void
vhc_record_write(struct vhc_ledger *ledger, uint32_t slot,
                 const struct vhc_record *r)
{
    struct vhc_record *shared = &ledger->records[slot];
    struct vhc_record new = *r;

    vhc_record_clear(ledger, slot);
    new.n_queues = 0;
    *shared = new;
    vhc_ledger_order();
    store(&shared->n_queues, r->n_queues);
}

void
vhc_record_clear(struct vhc_ledger *ledger, uint32_t slot)
{
    store(&ledger->records[slot].n_queues, 0);
    vhc_ledger_order();
}
