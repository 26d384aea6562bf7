/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_ABI_H
#define VHC_ABI_H 1

/* Everything that the switch and a network function (NF) share in memory.
 *
 * This header holds the shared structures and nothing else; vhc/ring.h has
 * the verbs that work on the rings.  vhost-chain(7) is the protocol in prose.
 *
 * Conventions
 * -----------
 *
 * Fixed-width, little-endian fields; offsets and indices, never a pointer.
 * Each field is marked with its one writer: (h) the host, that is the switch,
 * or (n) the NF.  The other side reads it and must not trust it.  Nor does the
 * host rely on what it wrote itself, because the NF can write to the same
 * page.  Reserved fields are zero; a peer that finds one nonzero where it
 * must check it refuses, because the field may mean something in a later
 * version.
 *
 * Memory map
 * ----------
 *
 *   POOL FILE (hugetlbfs, one a trust domain)   RING FILE (tmpfs, one a port)
 *
 *   0          +--------------------------+     0     +--------------------+
 *              | struct vhc_pool_sb    (h)|           | struct             |
 *   4096       +--------------------------+           |   vhc_ctrl_host (h)|
 *              | reserved for rings       |     4096  +--------------------+
 *              | between NFs              |           | struct             |
 *   direct_off | ('direct_size' bytes)    |           |   vhc_ctrl_nf   (n)|
 *   + .._size  +--------------------------+     8192  +--------------------+
 *              | buffers, 'stride' bytes  |           | queue 0: rx ring   |
 *              | each; none straddles a   |           |          tx ring   |
 *              | page of 'page_size'      |           |          fill ring |
 *              | bytes                    |           | queue 1: ...       |
 *   size       +--------------------------+     size  +--------------------+
 *
 *   A buffer:  id = page << id_shift | index in the page
 *
 *   page * page_size
 *   + index * stride                                              + stride
 *        |<- headroom ->|<- buffer_size or less ->|<- tailroom ->|
 *        +--------------+-------------------------+--------------+
 *                       ^ 'off' of a descriptor,  ^ 'off' + 'len'
 *                         wherever the data starts
 *
 * Both files' sizes are powers of two, because QEMU's ivshmem-plain wants
 * that.
 */

#include <stddef.h>
#include <stdint.h>

#define VHC_ABI_VERSION 1

#define VHC_POOL_MAGIC UINT64_C(0x004c4f4f50434856) /* "VHCPOOL\0" */
#define VHC_RING_MAGIC UINT64_C(0x00474e4952434856) /* "VHCRING\0" */

#define VHC_CACHE_LINE 64
#define VHC_NAME_SIZE 64        /* Bytes of a name, the NUL included. */
#define VHC_UUID_SIZE 16
#define VHC_MAX_QUEUES 16       /* Queue pairs of a port. */
#define VHC_MIN_FRAME 14        /* Bytes: an Ethernet header. */

/* Superblock of a pool, at offset 0 of the pool file.  Written before the
 * first NF can attach; constant from then on, and written again should an NF
 * overwrite it. */
struct vhc_pool_sb {
    uint64_t magic;             /* (h) VHC_POOL_MAGIC. */
    uint32_t abi_version;       /* (h) VHC_ABI_VERSION. */
    uint32_t features;          /* (h) 0: no feature bit is defined yet. */
    uint8_t uuid[VHC_UUID_SIZE]; /* (h) Of this pool, new with each file. */
    char name[VHC_NAME_SIZE];   /* (h) NUL-terminated. */
    uint64_t size;              /* (h) Bytes of the file, a power of two. */
    uint64_t page_size;         /* (h) Bytes, a power of two. */
    uint64_t direct_off;        /* (h) Bytes; region for NF-to-NF rings. */
    uint64_t direct_size;       /* (h) Bytes. */
    uint32_t stride;            /* (h) Bytes a buffer, odd multiple of 64. */
    uint32_t id_shift;          /* (h) See "A buffer" above. */
    uint32_t n_ids;             /* (h) Every buffer id is less than this. */
    uint32_t n_buffers;         /* (h) Buffers in the pool. */
    uint32_t headroom;          /* (h) Bytes before a packet at its entry. */
    uint32_t buffer_size;       /* (h) Bytes of the longest frame. */
    uint8_t reserved[88];       /* (h) 0. */
};

/* What an NF wants done with a packet. */
enum vhc_verdict {
    VHC_FORWARD = 0,            /* Into the switch's pipeline. */
    VHC_DROP = 1,               /* Back to the pool. */
    VHC_LOCAL = 2,              /* To the NF's own guest kernel. */
    VHC_N_VERDICTS
};

/* A reference to a packet. */
struct vhc_desc {
    uint32_t buf;               /* Buffer id. */
    uint16_t off;               /* Bytes from the buffer to the frame. */
    uint16_t len;               /* Bytes of the frame; 0 in a fill ring. */
    uint32_t mark;              /* OpenFlow's pkt_mark. */
    uint8_t verdict;            /* enum vhc_verdict; 0 from the host. */
    uint8_t flags;              /* 0. */
    uint16_t reserved;          /* 0. */
};

/* A single-producer, single-consumer ring.  Indices run freely and wrap at
 * 2^32; entry i is desc[i % ring_size].  The two indices are two lines apart,
 * because processors prefetch lines in pairs. */
struct vhc_ring {
    uint32_t prod;              /* Producer: entries ever published. */
    uint32_t pad0[31];
    uint32_t cons;              /* Consumer: entries ever taken. */
    uint32_t pad1[31];
    struct vhc_desc desc[];     /* Producer. */
};

/* The rings of a queue pair, in the order in which they lie in the file:
 * ring R of queue Q is at 'rings_off' + (Q * VHC_N_RINGS + R) * 'ring_bytes'.
 */
enum vhc_ring_role {
    VHC_RX,                     /* Host to NF: packets. */
    VHC_TX,                     /* NF to host: packets and verdicts. */
    VHC_FILL,                   /* Host to NF: empty buffers. */
    VHC_N_RINGS
};

/* States that the host reports. */
enum vhc_state {
    VHC_DETACHED = 0,           /* Nobody attached, or 'reason' ended it. */
    VHC_ATTACHED = 1,
    VHC_REFUSED = 2             /* The request was refused for 'reason'. */
};

/* What an NF may do to packet data. */
enum vhc_access {
    VHC_READ_WRITE = 0,
    VHC_READ_ONLY = 1
};

/* Why a request was refused or an attachment ended: code, words that an NF
 * prints for its user. */
#define VHC_REASONS                                                         \
    VHC_REASON(NONE, "no reason given")                                     \
    VHC_REASON(ABI, "the NF speaks another ABI version than the switch")    \
    VHC_REASON(POOL, "the NF mapped another pool than the port's")          \
    VHC_REASON(FEATURES, "the NF asked for features the switch lacks")      \
    VHC_REASON(QUEUES, "the NF expects another number of queues")           \
    VHC_REASON(PEER, "the NF is not attached to the other port it named")   \
    VHC_REASON(INDICES, "the NF did not zero its ring indices")             \
    VHC_REASON(RESERVED, "the NF set a reserved field")                     \
    VHC_REASON(CORRUPT, "a ring index of the NF was impossible")            \
    VHC_REASON(CLOSED, "the port was deleted or reconfigured, or the "      \
               "switch restarted")                                          \
    VHC_REASON(REPLACED, "another NF attached to the port")                 \
    VHC_REASON(GONE, "the NF exited without detaching")                     \
    VHC_REASON(LEFT, "the NF detached")                                     \
    VHC_REASON(LOST, "somebody truncated a file that the NF shares")        \
    VHC_REASON(VM_GONE, "the VM of the NF is gone")                         \
    VHC_REASON(VM_STOPPED, "the VM of the NF was paused, reset or shut "     \
               "down")                                                      \
    VHC_REASON(STALLED, "the NF does not poll: it was killed, or hangs")

enum vhc_reason {
#define VHC_REASON(NAME, TEXT) VHC_REASON_##NAME,
    VHC_REASONS
#undef VHC_REASON
    VHC_N_REASONS
};

/* Feature bits of an NF, 'features' of struct vhc_ctrl_nf. */
#define VHC_NF_F_LOCK (1u << 0) /* Holds a lock on the ring file: it is a
                                 * process, and gone when the lock is. */
#define VHC_NF_F_FUTEX (1u << 1) /* Sleeps on 'wake_seq' of the host. */
#define VHC_NF_F_FRAME (1u << 2) /* Sleeps until its guest's kernel receives a
                                  * frame of VHC_WAKE_ETHERTYPE from the port's
                                  * virtqueues. */
#define VHC_NF_F_ALL (VHC_NF_F_LOCK | VHC_NF_F_FUTEX | VHC_NF_F_FRAME)

/* EtherType of the frame that wakes an NF in a guest (IEEE 802, "Local
 * Experimental EtherType 2").  Its destination is VHC_WAKE_ADDRESS, which no
 * bridge forwards.  After the header come 2 bytes of zeros, the 8 bytes of
 * the attachment's 'token', and the name of the port, NUL-padded, for people.
 * The switch drops such frames when a guest sends them. */
#define VHC_WAKE_ETHERTYPE 0x88b6
#define VHC_WAKE_ADDRESS { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x0f }

/* Bytes of the ring file on which locks are taken (fcntl F_OFD_SETLK, write
 * lock, length 1). */
#define VHC_LOCK_NF 0           /* By the NF process, all its life. */
#define VHC_LOCK_HOST 1         /* By the switch; also on the pool file. */

/* The host's half of the control block, at offset 0 of the ring file. */
struct vhc_ctrl_host {
    /* Constant from before the first NF can attach. */
    uint64_t magic;             /* (h) VHC_RING_MAGIC. */
    uint32_t abi_version;       /* (h) VHC_ABI_VERSION. */
    uint32_t features;          /* (h) 0. */
    uint64_t size;              /* (h) Bytes of the file, a power of two. */
    uint32_t n_queues;          /* (h) 1 to VHC_MAX_QUEUES. */
    uint32_t ring_size;         /* (h) Entries, a power of two. */
    uint32_t ring_bytes;        /* (h) From one ring to the next. */
    uint32_t rings_off;         /* (h) Bytes. */
    uint8_t pool_uuid[VHC_UUID_SIZE]; /* (h) */
    char pool_name[VHC_NAME_SIZE]; /* (h) */
    char port_name[VHC_NAME_SIZE]; /* (h) The OVS port. */
    uint8_t reserved0[64];      /* (h) 0. */

    /* New with each attachment; written before 'answer'. */
    uint64_t token;             /* (h) Random: who knows it maps this file. */

    /* The answer to a request; written before 'answer'. */
    uint32_t answer;            /* (h) Number of the request answered. */
    uint32_t state;             /* (h) enum vhc_state. */
    uint32_t reason;            /* (h) enum vhc_reason. */
    uint32_t generation;        /* (h) Counts attachments, from 1. */
    uint32_t access;            /* (h) enum vhc_access. */
    uint32_t credits;           /* (h) Buffers the port may own. */
    uint32_t max_len;           /* (h) Bytes of the longest frame. */
    uint32_t reserved1[9];      /* (h) 0. */

    uint32_t tick;              /* (h) Changes while the switch lives. */
    uint32_t reserved2[15];     /* (h) 0. */

    uint32_t wake_seq;          /* (h) Futex; changes to wake the NF. */
    uint32_t reserved3[15];     /* (h) 0. */
};

/* The NF's half of the control block, at offset 4096 of the ring file. */
struct vhc_ctrl_nf {
    /* A request: the rest first, 'request' last. */
    uint32_t request;           /* (n) Nonzero and new: attach.  0: detach. */
    uint32_t abi_version;       /* (n) VHC_ABI_VERSION. */
    uint32_t features;          /* (n) VHC_NF_F_*. */
    uint32_t n_queues;          /* (n) Queues it will poll: all of them. */
    uint8_t pool_uuid[VHC_UUID_SIZE]; /* (n) As read from the pool file. */
    uint32_t fill_level;        /* (n) Empty buffers it wants at hand, a
                                 * queue; 0 if it originates nothing. */
    uint32_t pid;               /* (n) For people to read; may be 0. */
    uint64_t peer_token;        /* (n) 'token' of the port that this NF is
                                 * attached to already and whose packets may
                                 * come out here, of the same pool; or 0. */
    uint32_t reserved0[4];      /* (n) 0. */
    char name[VHC_NAME_SIZE];   /* (n) Of the NF, for people to read. */

    uint32_t need_wakeup;       /* (n) 0: awake.  Else asleep or about to be,
                                 * a new number each time. */
    uint32_t reserved1[15];     /* (n) 0. */

    uint32_t tick;              /* (n) Changes with each poll. */
    uint32_t reserved2[15];     /* (n) 0. */
};

#define VHC_CTRL_NF_OFF 4096
#define VHC_RINGS_OFF 8192

#define VHC_ASSERT_AT(TYPE, FIELD, OFFSET)                      \
    _Static_assert(offsetof(struct TYPE, FIELD) == (OFFSET),    \
                   #TYPE "." #FIELD " moved")
#define VHC_ASSERT_SIZE(TYPE, SIZE)                             \
    _Static_assert(sizeof(struct TYPE) == (SIZE), #TYPE " changed size")

VHC_ASSERT_SIZE(vhc_pool_sb, 240);
VHC_ASSERT_AT(vhc_pool_sb, uuid, 16);
VHC_ASSERT_AT(vhc_pool_sb, size, 96);
VHC_ASSERT_AT(vhc_pool_sb, stride, 128);

VHC_ASSERT_SIZE(vhc_desc, 16);
VHC_ASSERT_AT(vhc_desc, mark, 8);

VHC_ASSERT_SIZE(vhc_ring, 256);
VHC_ASSERT_AT(vhc_ring, cons, 128);

VHC_ASSERT_SIZE(vhc_ctrl_host, 448);
VHC_ASSERT_AT(vhc_ctrl_host, pool_uuid, 40);
VHC_ASSERT_AT(vhc_ctrl_host, token, 248);
VHC_ASSERT_AT(vhc_ctrl_host, answer, 256);
VHC_ASSERT_AT(vhc_ctrl_host, tick, 320);
VHC_ASSERT_AT(vhc_ctrl_host, wake_seq, 384);

VHC_ASSERT_SIZE(vhc_ctrl_nf, 256);
VHC_ASSERT_AT(vhc_ctrl_nf, peer_token, 40);
VHC_ASSERT_AT(vhc_ctrl_nf, name, 64);
VHC_ASSERT_AT(vhc_ctrl_nf, need_wakeup, 128);
VHC_ASSERT_AT(vhc_ctrl_nf, tick, 192);

#endif /* vhc/abi.h */
