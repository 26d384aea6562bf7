/* SPDX-License-Identifier: Apache-2.0 */

/* Sleeping and waking, barrier (C) of vhc/ring.h: an NF does not sleep for
 * ever with a packet in a ring.
 *
 *     thread()                               nf()
 *       submit  vhc_port_tx(), and             poll   nf_port_receive()
 *       wake    vhc_queue_wake(), in wake.c    nf_wait(), in wait.c:
 *       done    vhc_port_frame_done()            announce, look, sleep
 *
 * Two threads of the switch send packets.  They do it, in the variants,
 *
 *     FUTEX   each on a queue of its own, to a process;
 *     FRAME   each on a queue of its own, to a guest: a frame takes its time,
 *             and sometimes none can be sent;
 *     SHARED  the same, both on one queue, which has a lock; the frame is sent
 *             after the lock is given back.
 *
 * 'need_wakeup' is one for all queues, 'woken' is one for each.  The control
 * thread has no part: stall.c only reads, and resume.c wakes without asking.
 *
 * Memory is weaker than store buffers: a store is on its way to each reader,
 * as long as it likes and in no order with stores to other places, until its
 * writer's next full fence.  So a load can be done before a store that comes
 * before it in the program.  The acquires and releases of 'wake_seq' have no
 * effect here, and none is needed.  What the kernel does it does at once and
 * behind a fence, because it takes a lock: but after the NF looked.
 *
 * No sleep ends by time: if nothing can move any more, nothing must wait.  The
 * exception is a frame that could not be sent, with no packet after it: then
 * the NF looks when its slice (SLICE_US in wait.c) is over. */

#ifdef SHARED
#define FRAME
#define QUEUE(T) 0
#else
#define QUEUE(T) (T)
#endif

#define N_PACKETS(T) (2 - (T))  /* Of each thread. */
#define N_ALL 3

byte prod[2];                   /* By queue, as the NF sees them now. */
byte need[2];                   /* 'need_wakeup', as each thread does. */
byte seq_seen, wake_seq;        /* As the NF sees it, and as it is. */
chan prod_wire[2] = [N_ALL] of { byte };
chan need_wire[2] = [3] of { byte };

byte submitted[2], woken[2];    /* By queue. */
bool locked;                    /* The lock of a shared queue. */
bool asleep;                    /* On the futex. */
byte on_way, in_socket;         /* Frames. */
bool failed[2];                 /* A queue's last frame, and there was no
                                 * packet since. */

active proctype memory()
{
end:
    do
    :: prod_wire[0] ? prod[0]
    :: prod_wire[1] ? prod[1]
    :: need_wire[0] ? need[0]
    :: need_wire[1] ? need[1]
    :: atomic { seq_seen != wake_seq -> seq_seen++ }
    :: atomic { on_way > 0 -> on_way--; in_socket++ }
    od
}

active [2] proctype thread()
{
    byte t = _pid - 1, n;
    bool wants_frame;

    do
    :: n < N_PACKETS(t) ->
        n++;
        atomic { !locked -> locked = (QUEUE(1) == QUEUE(0)) }
        atomic {                /* vhc_ring_submit() */
            submitted[QUEUE(t)]++;
            prod_wire[QUEUE(t)] ! submitted[QUEUE(t)];
            failed[QUEUE(t)] = false
        }
#ifndef BROKEN_SWITCH_FENCE
        empty(prod_wire[QUEUE(t)]);    /* vhc_ring_fence() (C) */
#endif
        atomic {
            if
            :: need[t] != 0 && need[t] != woken[QUEUE(t)] ->
                woken[QUEUE(t)] = need[t];
                wants_frame = true
            :: else
            fi;
            locked = false
        }
#ifdef FRAME
        if
        :: wants_frame -> on_way++
        :: wants_frame ->       /* vhc_port_frame_done(): not sent. */
            atomic {
#ifndef BROKEN_FRAME_DONE
                woken[QUEUE(t)] = 0;
#endif
                failed[QUEUE(t)] = true
            }
#else
        if
        :: wants_frame ->       /* vhc_port_wake_futex() */
#ifndef BROKEN_SEQ_SAME
            wake_seq++;
#endif
            asleep = false      /* FUTEX_WAKE */
#endif
        :: else
        fi;
        wants_frame = false
    :: else -> break
    od
}

#define WAITS(Q) (cons[Q] != submitted[Q])

active proctype nf()
{
    byte cons[2], number, seq;
    bool ready;

poll:
    atomic { cons[0] = prod[0]; cons[1] = prod[1]; ready = false; seq = 0 }

    /* announce() */
#ifndef BROKEN_SEQ_LATE
    seq = seq_seen;
#endif
#ifdef BROKEN_SAME_NUMBER
    number = 0;
#endif
    number++;
    atomic { need_wire[0] ! number; need_wire[1] ! number }
#ifndef BROKEN_NF_FENCE
    empty(need_wire[0]);        /* vhc_ring_fence() (C) */
    empty(need_wire[1]);
#endif
    ready = prod[0] != cons[0];
    ready = ready || prod[1] != cons[1];
#ifdef BROKEN_SEQ_LATE
    seq = seq_seen;
#endif
    if
    :: !ready ->                /* sleep_on() */
        empty(need_wire[0]);    /* The kernel's fence. */
        empty(need_wire[1]);
#ifdef FRAME
#ifdef BROKEN_TAKE
        in_socket = 0;          /* Takes a frame and does not look again. */
#endif
sleep:
        if
        :: in_socket > 0 -> in_socket = 0
        :: timeout -> goto idle
        fi
#else
        atomic {                /* FUTEX_WAIT compares and sleeps. */
            asleep = (wake_seq == seq);
            seq_seen = wake_seq
        }
        if
        :: !asleep
        :: timeout -> goto idle
        fi
#endif
    :: else
    fi;
    atomic { need_wire[0] ! 0; need_wire[1] ! 0 }
    goto poll;

idle:
    assert(!WAITS(0) || failed[0]);
    assert(!WAITS(1) || failed[1])
}
