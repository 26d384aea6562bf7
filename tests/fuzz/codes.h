/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODES_H
#define CODES_H 1

/* The operations of the targets whose inputs are programs: ops.h says how they
 * are written.  seeds.py reads this file. */

/* Of fuzz-rx.  Bit 0 of 'a' is the port, HOST_FW or HOST_OUT, and bit 1 the
 * queue. */
#define RX_OPS                                                              \
    /* Of a hostile NF: hostile.h. */                                       \
    OP(ASK)                                                                 \
    OP(LEAVE)                                                               \
    OP(WRITE)                                                               \
    OP(WRITE_HOST)                                                          \
    OP(WRITE_INDEX)                                                         \
    OP(WRITE_DESC)                                                          \
    OP(GET)                                                                 \
    OP(PUT)                                                                 \
    OP(LOCK)                    /* 'b': or drop the lock. */                \
    OP(TRUNCATE)                /* To 'v' bytes. */                         \
    OP(RACE)                    /* After 'c' loads, write 'v'. */           \
    /* Of the switch: host.h. */                                            \
    OP(RUN)                     /* 'c': HOST_OK. */                         \
    OP(QUIESCE)                                                             \
    OP(RX)                      /* Up to 'b' packets. */                    \
    OP(TX)                      /* 'b' of those in hand; 'c': to HOST_OK. */\
    OP(NIC)                     /* 'b' packets come in, 'v' bytes long. */  \
    OP(OUTSIDE)                 /* The same, in other memory. */            \
    OP(PUSH)                    /* 'b' bytes before the last packet. */     \
    OP(SHARE)                   /* Another reference to the last packet. */ \
    OP(FREE)                    /* 'b' packets in hand. */                  \
    OP(CLOCK)                   /* 'v' ms pass. */                          \
    OP(VM)                      /* 'b': enum vhc_vm. */                     \
    OP(MAX_LEN)                 /* 'v' bytes. */                            \
    OP(LOCAL)                   /* The guest's kernel takes 'b' packets. */ \
    OP(FRAME)                   /* 'b': it was sent. */                     \
    OP(CLOSE)                   /* 'b': and remove. */                      \
    OP(OPEN)                                                                \
    /* Of an honest NF: honest.h. */                                        \
    OP(ROUND)                   /* 'v' bytes; 'b': copied. */               \
    OP(HOLD)                                                                \
    OP(RELEASE)

/* What the last switch has left in the ledger: leftovers.h. */
#define LEFT_OPS                                                            \
    OP(PORT)                    /* Slot 'a' is a port of 'b' queues; 'c':   \
                                 * with an NF, of features 'v'. */          \
    OP(LINK)                    /* Slots 'a' and 'b' name each other. */    \
    OP(FIELD)                   /* Word 'b' of record 'a' is 'v'. */        \
    OP(BYTE)                    /* Byte 'b' of record 'a' is 'v'. */        \
    OP(RANDOM)                  /* All of record 'a', from 'v'. */          \
    OP(OWN)                     /* 'c' buffers from 'b' on are slot 'a's. */\
    OP(OWNER)                   /* Buffer 'b' is that of 'v'. */

/* Of fuzz-ledger. */
#define LEDGER_OPS                                                          \
    LEFT_OPS                                                                \
    OP(INDEX)                   /* 'a': prod, cons, next; 'v'. */           \
    OP(DESC)                    /* 'c' entries from 'a' on, buffer 'b'. */  \
    OP(RACE)                    /* After 'a' loads, write 'v'. */           \
    OP(PRODUCE)                 /* Slot 'a' goes on; 'b': log2 of size. */  \
    OP(CONSUME)

/* Of fuzz-resume. */
#define RESUME_OPS                                                          \
    RX_OPS                                                                  \
    LEFT_OPS                                                                \
    OP(KILL)                    /* The switch ends without a word. */       \
    OP(START)                   /* Another starts; 'a', 'b': see there. */  \
    OP(SETTLE)                                                              \
    OP(CONFIG)                  /* Ports opened from now on: world.h. */    \
    OP(HEAD)                    /* Byte 'b' of the ledger's head. */        \
    OP(FIT)                     /* Record 'a' is of port 'b'. */            \
    OP(UNDER_WAY)               /* A burst to record 'a's NF was. */

/* Of fuzz-layout: 'a' is one of three images of a file's beginning. */
#define LAYOUT_OPS                                                          \
    OP(SET8)                    /* At 'b' + 'c' * 256, to 'v'. */           \
    OP(SET32)                                                               \
    OP(SET64)                   /* To 'v', sign-extended. */                \
    OP(BIT64)                   /* To 2^'v' and what 'v' / 64 adds. */      \
    OP(SIZE)                    /* Of the file: 'v' bytes, 2^'v' if 'b'. */ \
    OP(GOOD)                    /* 'b': of a port, of a pool, or neither. */\
    OP(DESC)                    /* Buffer 'v', 'a' * 256 + 'b', 'c' * 8. */ \
    OP(RACE)                    /* After 'c' loads, write 'v'. */           \
    OP(LOOK)                    /* At ring 'a' and pool 'b'. */             \
    OP(SCAN)                    /* 'c' devices, for port 'a'. */

enum rx_op {
#define OP(NAME) RX_##NAME,
    RX_OPS
#undef OP
    N_RX_OPS
};

enum left_op {
#define OP(NAME) LEFT_##NAME,
    LEFT_OPS
#undef OP
    N_LEFT_OPS
};

enum ledger_op {
#define OP(NAME) LEDGER_##NAME,
    LEDGER_OPS
#undef OP
    N_LEDGER_OPS
};

enum resume_op {
#define OP(NAME) RESUME_##NAME,
    RESUME_OPS
#undef OP
    N_RESUME_OPS
};

enum layout_op {
#define OP(NAME) LAYOUT_##NAME,
    LAYOUT_OPS
#undef OP
    N_LAYOUT_OPS
};

/* Their names. */
extern const char *const rx_names[];
extern const char *const ledger_names[];
extern const char *const resume_names[];
extern const char *const layout_names[];

#endif /* codes.h */
