/* SPDX-License-Identifier: Apache-2.0 */

/* A switch that is killed under traffic, between any two stores, and the next
 * one, which may be killed in turn while it takes up what it found: each
 * buffer that the ledger says is the NF's comes back once, none is in two
 * places, and none is lost.
 *
 *     port()                              nf()
 *       resume  resume_queue() and          takes from rx, gives back in tx,
 *               skip_taken(), resume.c      and notices nothing
 *       give    vhc_port_tx(), burst.c    killer()
 *       take    vhc_port_rx(), burst.c      SIGKILL, then vhc_pool_create()
 *
 * Variants: ONE port, or two that are LINKED: what goes out on port 0 comes
 * back on port 1.  They are opened in any order, by threads of their own, and
 * the first may give while the second is not open yet.
 *
 * What a process has stored up to its death is there, in its order: between
 * one switch and the next, nothing is weaker than that but the compiler, see
 * vhc_ledger_order().  (Between switch and NF: ring.pml.)  The NF breaks no
 * rule; what those do that break them is in owner.pml.
 *
 * Indices count modulo MOD, and switches are killed without end: the state
 * space is finite, and all of it is searched.  That entries are cleared when
 * nobody reads them any more only makes it smaller. */

#ifdef LINKED
#define OUT 1                   /* Port of the tx ring; that of rx is 0. */
#else
#define OUT 0
#endif

#define BUFFERS 3
#define SIZE 2                  /* Entries of each ring. */
#define MOD 4                   /* Indices wrap there. */
#define DIFF(A, B) ((A + MOD - B) % MOD)
#define PLUS(A, N) ((A + N) % MOD)
#define AT(I) [(I) % SIZE]
#define NONE 7                  /* No buffer. */

/* In files: the ledger and the rings. */
bool owned[BUFFERS];            /* By port 0; else by the switch. */
byte rx_next, rx_prod, rx_cons, rx[SIZE] = NONE;
byte tx_prod, tx_cons, tx[SIZE] = NONE;

/* Of the switch that lives. */
bool alive = true, opening;
bool up[OUT + 1];               /* The port is open, */
bool down[OUT + 1];             /* or its thread is dead. */
bool free[BUFFERS] = true;      /* In the mempool. */

/* Where a buffer really is; BACK in the tx ring. */
mtype = { SWITCH, NF, BACK };
mtype place[BUFFERS] = SWITCH;
byte hand = NONE;               /* In the hand of the NF. */

/* The NF can see the entry of 'B' from now on. */
#define SUBMITTED(B) \
    assert(place[B] == SWITCH && owned[B] && !free[B]); \
    place[B] = NF

/* Is it in ring 'R' from 'FROM' up to 'TO'? */
#define IN(R, FROM, TO, B) \
    (DIFF(TO, FROM) >= 1 && R AT(FROM) == B \
     || DIFF(TO, FROM) == 2 && R AT(FROM + 1) == B)

#define OPTIONAL(B, STATEMENT) if :: B != NONE -> STATEMENT :: else fi

inline resume_cons()            /* vhc_resume_cons() */
{
    atomic {
        do
        :: tx_cons != tx_prod && !owned[tx AT(tx_cons)] ->
            tx AT(tx_cons) = NONE;
            tx_cons = PLUS(tx_cons, 1)
        :: else -> break
        od
    }
}

inline resume_prod()            /* vhc_resume_prod() */
{
    atomic {
        n = rx_next;
#ifdef BROKEN_NEXT_BACK         /* Before 'prod' moves. */
        rx_next = rx_prod;
    }
    atomic {
#endif
        do
#ifdef BROKEN_ANY_OWNER
        :: rx_prod != n ->
#else
        :: rx_prod != n && owned[rx AT(rx_prod)] ->
#endif
            SUBMITTED(rx AT(rx_prod));
            rx_prod = PLUS(rx_prod, 1)
        :: else -> break
        od
    }
    rx_next = rx_prod
}

/* Takes buffer 'b' out of the mempool; there is one. */
inline alloc(b)
{
    if
    :: free[0] -> b = 0
    :: free[1] -> b = 1
    :: free[2] -> b = 2
    fi;
    assert(!owned[b] && place[b] == SWITCH);
    free[b] = false
}

inline give()                   /* One buffer, 'b', or two, 'b' and 'c'. */
{
    atomic {
        DIFF(rx_prod, rx_cons) < SIZE && (free[0] || free[1] || free[2]);
        alloc(b);
        if
        :: rx_prod == rx_cons && (free[0] || free[1] || free[2]) -> alloc(c)
        :: true -> c = NONE
        fi;
        n = PLUS(rx_prod, (c == NONE -> 1 : 2))
    }
    rx AT(rx_prod) = b;
    OPTIONAL(c, rx AT(rx_prod + 1) = c);
#ifdef BROKEN_OWNER_FIRST
    owned[b] = true;
    OPTIONAL(c, owned[c] = true);
    rx_next = n;
#else
    rx_next = n;
    owned[b] = true;
    OPTIONAL(c, owned[c] = true);
#endif
    atomic {
        SUBMITTED(b);
        OPTIONAL(c, SUBMITTED(c));
        rx_prod = n
    }
}

#define TAKE_ONE(B) \
    atomic { \
        assert(owned[B] && place[B] == BACK); /* Else it is refused. */ \
        owned[B] = false; \
        place[B] = SWITCH \
    }

inline take()                   /* All that is there. */
{
    atomic {
        tx_prod != tx_cons;
        n = tx_prod;
        b = tx AT(tx_cons);
        c = (DIFF(n, tx_cons) == 2 -> tx AT(tx_cons + 1) : NONE)
    }
#ifdef BROKEN_CONS_FIRST
    tx_cons = n;
#endif
    TAKE_ONE(b);
    OPTIONAL(c, TAKE_ONE(c));
    atomic {
        do
        :: tx_cons != n ->
            tx AT(tx_cons) = NONE;
            tx_cons = PLUS(tx_cons, 1)
        :: else -> break
        od;
        free[b] = true;
        OPTIONAL(c, free[c] = true)
    }
}

active [OUT + 1] proctype port()
{
    byte n, b, c;

again:
    {
        atomic { alive && !opening -> opening = true }
        if
        :: _pid == 0 ->
#ifndef BROKEN_TAKEN_AGAIN
            if
            :: !up[OUT] -> resume_cons() /* skip_taken() */
            :: else
            fi;
#endif
            resume_prod()
        :: else
        fi;
        if
        :: _pid == OUT -> resume_cons()
        :: else
        fi;
        atomic { up[_pid] = true; opening = false }
        do
        :: _pid == 0 -> give()
        :: _pid == OUT && up[0] -> take()
        od
    } unless {
        !alive
    };
    atomic { n = 0; b = 0; c = 0; down[_pid] = true }
    !down[_pid];
    goto again
}

active proctype nf()
{
end:
    do
    :: atomic {
            rx_cons != rx_prod && hand == NONE;
            hand = rx AT(rx_cons);
            assert(place[hand] == NF);
            rx AT(rx_cons) = NONE;
            rx_cons = PLUS(rx_cons, 1)
        }
    :: atomic {
            hand != NONE && DIFF(tx_prod, tx_cons) < SIZE;
            tx AT(tx_prod) = hand;
            place[hand] = BACK;
            tx_prod = PLUS(tx_prod, 1);
            hand = NONE
        }
    od
}

active proctype killer()
{
    byte b;

end:
    do
    :: alive = false;
        down[0] && down[OUT];
        d_step {
            do
            :: b < BUFFERS ->   /* None is lost. */
                assert(place[b] != BACK || IN(tx, tx_cons, tx_prod, b));
                assert(place[b] != NF || hand == b
                       || IN(rx, rx_cons, rx_prod, b));
                assert(owned[b] == (place[b] != SWITCH)
                       || IN(rx, rx_prod, rx_next, b));
                free[b] = !owned[b];
                b++
            :: else -> break
            od;
            b = 0;
            opening = false;
            up[0] = false;
            up[OUT] = false;
            down[0] = false;
            down[OUT] = false;
            alive = true
        }
    od
}
