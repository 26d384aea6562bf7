/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTILE_H
#define HOSTILE_H 1

/* What the attacks of nf-hostile share, and the attacks.
 *
 * An attack is a function that is called when the port is attached, and says
 * with the expect_*() what the switch must have counted when it returns.  Who
 * reads that is tests/system/hostile.sh. */

#include <pthread.h>
#include <stdatomic.h>

#include "probe.h"
#include "source.h"

#define BURST 32
#define MAX_THREADS 4

struct hostile {
    struct probe p;
    struct probe peer;          /* The other port, if there is one. */
    struct source source;       /* Frames, if there are any. */
    uint32_t count;             /* How often, how many or how long. */
    uint64_t random;            /* State of hostile_random(). */

    struct hostile_held {       /* Packets that it got and not sent. */
        struct vhc_desc desc;
        uint32_t queue;
    } *held;
    uint32_t n_held;
    uint64_t n_sent;            /* Descriptors, good ones too. */
    pthread_t threads[MAX_THREADS];
    uint32_t n_threads;
    atomic_bool stop;           /* The threads end. */
};

typedef void hostile_attack(struct hostile *);

/* Returns a random number. */
uint64_t hostile_random(uint64_t *state);

/* Returns true until 'count' seconds have passed since 'clock' was zeroed.
 * Says now and then that it has done 'n' of 'what'. */
struct hostile_clock {
    uint64_t start_ms, said_ms;
};
bool hostile_lasts(const struct hostile *, struct hostile_clock *clock,
                   const char *what, uint64_t n);

/* Receives until it holds 'count' packets, or is detached. */
void hostile_collect(struct hostile *);

/* Sends 'desc' on queue 0, or back what is held, unchanged, on the queues of
 * 'p' that it came from. */
void hostile_send(struct hostile *, struct vhc_desc desc);
void hostile_give_back(struct hostile *, struct probe *p);

/* Receives and sends back a burst.  Returns how many. */
uint32_t hostile_forward(struct hostile *, struct probe *from,
                         struct probe *to);

/* Waits until the switch has taken all that was sent. */
void hostile_flush(const struct probe *);

/* Waits until the switch has detached it, and prints why. */
void hostile_await_end(struct hostile *);

/* Starts a thread.  hostile_join() makes all stop and waits for them. */
void hostile_thread(struct hostile *, void *(*main)(void *), void *aux);
void hostile_join(struct hostile *);

/* What the switch must have counted: exactly 'n' drops for 'reason', or some;
 * packets moved; descriptors taken, for whatever reason; buffers in the NF's
 * hands; times that it was woken. */
void expect_drops(const char *reason, uint64_t n);
void expect_some(const char *reason);
void expect_moved(uint64_t n);
void expect_taken(uint64_t n);
void expect_owned(uint64_t n);
void expect_woken(void);

/* That it has repaired what it shares, of the "pool" or of the "port". */
void expect_repairs(const char *what);

/* That all of that is open: only others must not notice. */
void expect_nothing(void);

/* And what it must say of the port. */
void expect_state(const char *state, enum vhc_reason reason);
void expect_attachments(uint64_t n);

/* References: hostile-reference.c, hostile-place.c. */
hostile_attack hostile_no_buffer, hostile_gap, hostile_every_buffer,
    hostile_twice, hostile_returned, hostile_replay, hostile_reserved,
    hostile_verdicts, hostile_local, hostile_drop, hostile_short,
    hostile_long, hostile_outside, hostile_empty, hostile_random_descs,
    hostile_rewritten, hostile_wrong_queue, hostile_wrong_port,
    hostile_both_ports, hostile_everywhere;

/* Rings: hostile-ring.c. */
hostile_attack hostile_prod_ahead, hostile_prod_back, hostile_prod_far,
    hostile_cons_ahead, hostile_cons_back, hostile_fill_ahead, hostile_stale,
    hostile_host_indices, hostile_entries, hostile_indices;

/* Buffers: hostile-hoard.c. */
hostile_attack hostile_never_drain, hostile_hoard, hostile_never_send,
    hostile_fill_lies;

/* The control block and the superblock: hostile-state.c. */
hostile_attack hostile_words, hostile_host_block, hostile_superblock,
    hostile_spoil, hostile_direct, hostile_storm, hostile_storm_replay,
    hostile_request, hostile_refusals, hostile_names;

/* Sleep: hostile-wake.c. */
hostile_attack hostile_toggle, hostile_crowd, hostile_wake_seq,
    hostile_frame;

/* Files and locks: hostile-file.c. */
hostile_attack hostile_truncate, hostile_shorten, hostile_grow,
    hostile_resize, hostile_punch, hostile_host_lock, hostile_take_lock,
    hostile_unlock, hostile_keep_lock, hostile_no_lock, hostile_lock_churn;

/* Two ports: hostile-link.c. */
hostile_attack hostile_guess, hostile_link_kill, hostile_link_storm,
    hostile_cross;

/* Bytes of packets: hostile-flip.c. */
hostile_attack hostile_flip_heads, hostile_flip_all;

#endif /* hostile.h */
