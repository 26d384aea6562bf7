/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_LEDGER_H
#define VHC_LEDGER_H 1

/* What a switch that starts must know of the one that ended: which queue of
 * which port owns each buffer, which NFs are attached, and how far the bursts
 * are that were under way.
 *
 * Usage
 * -----
 *
 *     error = vhc_ledger_open(&ledger, path, &want, &errp);
 *     if (ledger.recovered) {
 *         ledger.records and ledger.owner are what the last switch left
 *     }
 *     make all that 'want' describes
 *     vhc_ledger_commit(&ledger, &want);
 *
 * Format
 * ------
 *
 *   0        struct vhc_ledger_head
 *   256      struct vhc_record [VHC_MAX_SLOTS], slot 1 first
 *   262144   uint16_t owner['n_ids']: VHC_OWNER_HOST, _NONE or a slot
 *
 * Trust
 * -----
 *
 * The file is the switch user's alone (mode 0600), so no NF has written to it.
 * But the switch may have ended between any two stores, it may have been
 * another version, and somebody may have restored the file from anywhere.  So
 * a head that is not exactly right makes the rest worth nothing, and what
 * remains is made consistent by vhc_ledger_sanitize() whatever it was.
 *
 * Stores to a shared mapping outlive the process that made them.  A process
 * that is killed has executed its instructions in order up to some point and
 * none after it, so what is left is a prefix of its stores in program order:
 * no fence of the processor is needed between two stores whose order matters
 * to the next switch only, but the compiler must keep them in order.  That is
 * vhc_ledger_order().  (A host that loses power loses both files.)
 *
 * Thread-safety: the head and the cold part of a record, one thread at a time;
 * 'rx_next' and 'fill_next', the thread that is in the data path. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geometry.h"
#include "shmfile.h"
#include "vhc/abi.h"

#define VHC_MAX_SLOTS 1023      /* Slots are 1 to this. */

#define VHC_LEDGER_MAGIC UINT64_C(0x0052474c43485601)
#define VHC_LEDGER_VERSION 1
#define VHC_MAX_RING_SIZE 32768 /* Entries. */

#define VHC_PEER_GONE UINT32_MAX

/* All that must be equal for a pool to be found again. */
struct vhc_ledger_head {
    uint64_t magic;             /* Last; 0 while the rest is not true. */
    uint32_t version;           /* VHC_LEDGER_VERSION. */
    uint32_t abi_version;       /* VHC_ABI_VERSION. */
    uint64_t size;              /* Bytes of the pool. */
    uint64_t page_size;         /* Bytes. */
    uint64_t inode;             /* Of the pool file. */
    uint32_t buffer_size;       /* Bytes. */
    uint32_t stride;            /* Bytes. */
    uint32_t n_ids;
    uint32_t max_slots;         /* VHC_MAX_SLOTS. */
    uint8_t uuid[VHC_UUID_SIZE]; /* Not compared: it is the answer. */
    uint8_t reserved[184];      /* 0. */
};

/* A slot; all but the first two fields are those of a port, at its first
 * slot. */
struct vhc_record {
    /* Data path. */
    uint32_t rx_next;           /* 'prod' of the rx ring when the burst under
                                 * way is through. */
    uint32_t pad[15];
    uint32_t fill_next;         /* The same of the fill ring. */

    /* Control. */
    uint32_t n_queues;          /* 0: the slot is no port's first. */
    uint32_t ring_size;         /* Entries. */
    uint32_t access;            /* enum vhc_access. */
    uint64_t inode;             /* Of the ring file. */
    uint64_t token;             /* Of the attachment, as all that follows. */
    uint32_t attached;          /* 1: an NF is attached. */
    uint32_t number;            /* Of its request. */
    uint32_t generation;
    uint32_t features;          /* VHC_NF_F_*. */
    uint32_t fill_level;        /* Entries. */
    uint32_t pid;
    uint32_t peer;              /* First slot of the NF's other port, 0, or
                                 * VHC_PEER_GONE if the NF has left that. */
    uint32_t reserved;          /* 0. */
    char name[VHC_NAME_SIZE];   /* Of the port. */
    char nf[VHC_NAME_SIZE];     /* Of the NF. */
};

_Static_assert(sizeof(struct vhc_ledger_head) == 256, "head changed size");
_Static_assert(sizeof(struct vhc_record) == 256, "record changed size");
_Static_assert(offsetof(struct vhc_record, fill_next) == 64, "see above");

#define VHC_LEDGER_OWNER_OFF \
    (sizeof(struct vhc_record) * (VHC_MAX_SLOTS + 1))

struct vhc_ledger {
    struct vhc_shmfile file;
    struct vhc_record *records; /* By slot; that of slot 0 is the head. */
    uint16_t *owner;            /* By buffer id. */
    bool recovered;             /* All of it is the last switch's. */
};

/* Keeps the compiler from moving stores across. */
static inline void
vhc_ledger_order(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Fills in '*head' for a pool of geometry 'g' in the file with 'inode', with
 * any uuid. */
void vhc_ledger_head_init(struct vhc_ledger_head *head,
                          const struct vhc_geometry *g, uint64_t inode);

/* Returns true if 'found' is a ledger's head, of whatever pool. */
bool vhc_ledger_is_head(const struct vhc_ledger_head *found);

/* Returns true if 'found' is the head of what 'want' describes. */
bool vhc_ledger_matches(const struct vhc_ledger_head *found,
                        const struct vhc_ledger_head *want);

/* Reads the head of the ledger at 'path'.  Returns false if there is none that
 * belongs to the switch's user. */
bool vhc_ledger_peek(const char *path, struct vhc_ledger_head *head);

/* Opens or creates the ledger at 'path' for what 'want' describes, in a pool
 * file that 'pool_existed' or did not.  If the ledger is of that pool, it is
 * made consistent, 'ledger->recovered' is true and the uuid goes to
 * 'want->uuid'.  Otherwise it is emptied and has no head until
 * vhc_ledger_commit().
 *
 * Returns 0, or an errno value and a message in '*errp'; 'ledger' is then as
 * good as closed. */
int vhc_ledger_open(struct vhc_ledger *ledger, const char *path,
                    const struct vhc_geometry *g, bool pool_existed,
                    struct vhc_ledger_head *want, char **errp);

/* Writes 'head', from which time on the pool can be found again. */
void vhc_ledger_commit(struct vhc_ledger *ledger,
                       const struct vhc_ledger_head *head);

/* Makes 'records', VHC_MAX_SLOTS + 1 of which the first is left alone, and
 * 'owner' consistent, whatever they are: each record is zero or describes a
 * port that can be, no two share a slot, peers are each other's, and owners
 * are slots of an attached port, or else VHC_OWNER_HOST or, where 'g' has no
 * buffer, VHC_OWNER_NONE.  Pure. */
void vhc_ledger_sanitize(struct vhc_record *records, uint16_t *owner,
                         const struct vhc_geometry *g);

/* Writes record 'slot' of a port that is new there.  'r' need not say
 * 'rx_next' and 'fill_next'. */
void vhc_record_write(struct vhc_ledger *ledger, uint32_t slot,
                      const struct vhc_record *r);

/* Clears record 'slot'. */
void vhc_record_clear(struct vhc_ledger *ledger, uint32_t slot);

#endif /* ledger.h */
