/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_DROPS_H
#define VHC_DROPS_H 1

/* Why a packet was dropped: code, name of the counter, what happened.
 *
 * A descriptor that fails one of the first group names a buffer that the port
 * does not own: nothing happens to the buffer.  In all other cases the buffer
 * goes back to the pool. */
#define VHC_DROPS                                                           \
    /* From the NF: not the port's buffer. */                               \
    VHC_DROP_REASON(BAD_BUFFER, "bad_buffer", "no such buffer")             \
    VHC_DROP_REASON(NOT_OWNER, "not_owner", "not the port's buffer")        \
    /* From the NF: the port's buffer, but not a packet. */                 \
    VHC_DROP_REASON(RESERVED, "reserved", "a reserved bit was set")         \
    VHC_DROP_REASON(BAD_VERDICT, "bad_verdict", "no such verdict")          \
    VHC_DROP_REASON(RX_SHORT, "rx_short", "less than an Ethernet header")   \
    VHC_DROP_REASON(RX_LONG, "rx_long", "longer than the MTU allows")       \
    VHC_DROP_REASON(OUTSIDE, "outside", "data outside of the buffer")       \
    /* From the NF: good packets that go no further. */                     \
    VHC_DROP_REASON(BY_NF, "by_nf", "the NF's verdict")                     \
    VHC_DROP_REASON(NO_LOCAL, "no_local", "no guest kernel to hand it to")  \
    /* To the NF. */                                                        \
    VHC_DROP_REASON(DETACHED, "detached", "no NF is attached")              \
    VHC_DROP_REASON(NO_CREDIT, "no_credit", "the port's credit is used up") \
    VHC_DROP_REASON(RING_FULL, "ring_full", "the NF does not drain")        \
    VHC_DROP_REASON(TX_SIZE, "tx_size", "does not fit the port's MTU")      \
    VHC_DROP_REASON(POOL_EMPTY, "pool_empty", "no buffer to copy into")

enum vhc_drop {
    VHC_NO_DROP,
#define VHC_DROP_REASON(CODE, NAME, TEXT) VHC_DROP_##CODE,
    VHC_DROPS
#undef VHC_DROP_REASON
    VHC_N_DROPS
};

/* Returns the name of the counter for 'drop', lower case with underscores, or
 * NULL if 'drop' is not a reason.  Static; not to be freed. */
const char *vhc_drop_name(enum vhc_drop drop);

#endif /* vhc/drops.h */
