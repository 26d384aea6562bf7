/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NF_PACKET_H
#define NF_PACKET_H 1

/* A packet in the shared pool, as an NF sees it.
 *
 * Usage
 * -----
 *
 *     if (is_bad(p->data, nf_packet_len(p))) {
 *         nf_packet_set_verdict(p, VHC_DROP);
 *     } else {
 *         nf_packet_set_nf_mark(p, 2);
 *     }
 *
 * Ownership
 * ---------
 *
 * The frame belongs to the NF from nf_port_receive() or nf_port_alloc() until
 * nf_port_send(); 'data' is void from then on.  The 'struct nf_packet' itself
 * is the caller's.
 *
 * Other members of the pool's trust domain can write to the frame at any
 * time: read a length from it once, into a variable of your own.
 *
 * Thread-safety: a packet may be used by one thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "vhc/abi.h"

struct nf_packet {
    struct vhc_desc desc;       /* Verdict and mark are the NF's to set. */
    uint8_t *data;              /* The frame's first byte. */
    uint32_t room;              /* Bytes of the buffer; 0 if the pool is
                                 * mapped read-only. */
};

/* Returns the bytes of the frame, from the Ethernet header on. */
static inline uint32_t
nf_packet_len(const struct nf_packet *p)
{
    return p->desc.len;
}

/* Says what the switch shall do with the packet once it is sent; VHC_FORWARD
 * if nothing is said. */
static inline void
nf_packet_set_verdict(struct nf_packet *p, enum vhc_verdict verdict)
{
    p->desc.verdict = verdict;
}

/* Returns the mark, which is OpenFlow's pkt_mark. */
static inline uint32_t
nf_packet_mark(const struct nf_packet *p)
{
    return p->desc.mark;
}

/* Sets the whole mark, the path that its upper half names included. */
static inline void
nf_packet_set_mark(struct nf_packet *p, uint32_t mark)
{
    p->desc.mark = mark;
}

/* Sets the lower 16 bits of the mark, which are the NFs' own. */
static inline void
nf_packet_set_nf_mark(struct nf_packet *p, uint16_t mark)
{
    p->desc.mark = (p->desc.mark & UINT32_C(0xffff0000)) | mark;
}

/* Removes 'n' bytes from the front of the frame.  Returns the new first byte,
 * or NULL if the frame is shorter; nothing is changed then. */
static inline uint8_t *
nf_packet_pull(struct nf_packet *p, uint32_t n)
{
    if (n > p->desc.len) {
        return NULL;
    }
    p->desc.off += n;
    p->desc.len -= n;
    return p->data += n;
}

/* Adds 'n' bytes, not initialized, to the front of the frame.  Returns the
 * new first byte, or NULL if the buffer has no such room or is read-only;
 * nothing is changed then. */
static inline uint8_t *
nf_packet_push(struct nf_packet *p, uint32_t n)
{
    if (!p->room || n > p->desc.off
        || n > (uint32_t) UINT16_MAX - p->desc.len) {
        return NULL;
    }
    p->desc.off -= n;
    p->desc.len += n;
    return p->data -= n;
}

/* Adds 'n' bytes, not initialized, to the end of the frame.  Returns the
 * first of them, or NULL if the buffer has no such room or is read-only;
 * nothing is changed then. */
static inline uint8_t *
nf_packet_append(struct nf_packet *p, uint32_t n)
{
    uint32_t end = (uint32_t) p->desc.off + p->desc.len;

    if (end > p->room || n > p->room - end
        || n > (uint32_t) UINT16_MAX - p->desc.len) {
        return NULL;
    }

    uint8_t *tail = p->data + p->desc.len;

    p->desc.len += n;
    return tail;
}

/* Shortens the frame to its first 'len' bytes.  Returns 'data', or NULL if
 * the frame is shorter already; nothing is changed then. */
static inline uint8_t *
nf_packet_trim(struct nf_packet *p, uint32_t len)
{
    if (len > p->desc.len) {
        return NULL;
    }
    p->desc.len = len;
    return p->data;
}

#endif /* nf/packet.h */
