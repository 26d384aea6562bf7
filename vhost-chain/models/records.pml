/* SPDX-License-Identifier: Apache-2.0 */

/* The records of the ledger: a switch that is killed between any two stores
 * while an NF attaches to two ports, links them or detaches, and ports are
 * opened and closed; and the next one, which takes up what it found and may be
 * killed in turn.  What the NF refers to is taken by one port, or not at all;
 * nothing is lost; and an NF stays attached as it was, or is told.
 *
 *     boot:           vhc_ledger_sanitize() in ledger.c
 *     open_again()    vhc_port_open(), vhc_resume() in resume.c
 *     forget()        vhc_pool_settle(), vhc_resume_forget()
 *     look()          vhc_port_run() in session.c, and record.c
 *     quiesced()      vhc_port_quiesced()
 *     close()         vhc_port_close() in port.c
 *     nf()            attaches to port 0, then to port 1 and names port 0
 *
 * Port P has slot P + 1.  Threads are in owner.pml, what a burst leaves in
 * restart.pml; here an attached port has buffers out, and a grace period takes
 * no time.  A number of a request never comes again, so it matters only
 * whether it is that of the last one.  All goes on for ever, and all of it is
 * searched. */

#define NOBODY 7                /* A taker; others are slots. */
#define SLOT(P) ((P) + 1)
#define OTHER(P) (1 - (P))
#define GONE 2                  /* A peer; 1: the other port, 0: none. */
#define NEW 1                   /* Number of the last request, */
#define OLD 2                   /* or of another; 0: none. */
#define NUMBER(P) (answered[P] -> NEW : OLD)
#define IF(CONDITION, STATEMENT) if :: CONDITION -> STATEMENT :: else fi

/* In files: the ledger, what NF and switch tell each other, tx rings. */
bool out[2];                    /* Buffers are the port's in 'owner'. */
bool open[2];                   /* 'n_queues' of a record, */
byte attached[2];               /* its 'number' if 'attached', */
byte peer[2];                   /* and 'peer'. */
bool asks[2];                   /* 'request' is not 0; */
byte told[2];                   /* 'answer' if 'state' is ATTACHED. */
mtype = { EMPTY, GOOD, VOID };
mtype tx[2] = EMPTY;            /* References to buffers of the other port,
                                 * or of those that have been reclaimed. */

/* Of the switch that lives. */
bool alive = true;
mtype = { DOWN, IDLE, ATTACHED, LINKING, DETACHING };
mtype state[2] = DOWN;
bool answered[2];               /* 'attach.number' is that of the request. */
byte taker[2];
bool linked, awaits[2], widowed[2], late[2];

#define RUNS(P) (state[P] == ATTACHED)

inline reclaim(p)
{
    out[p] = false;
    IF(tx[OTHER(p)] != EMPTY, tx[OTHER(p)] = VOID)
}

/* Who names 'p' as its peer must go. */
inline widow(p)
{
    IF(open[OTHER(p)] && peer[OTHER(p)] == 1, peer[OTHER(p)] = GONE)
}

inline join(a, b) { taker[a] = SLOT(b); taker[b] = SLOT(a) }

/* Of the volatile state: in no order with the stores. */
inline reset(p, to)
{
    awaits[p] = false;
    widowed[p] = false;
    late[p] = false;
    state[p] = to
}

inline sanitize(p)
{
    if
    :: open[p] && peer[p] == 1 &&
       (!open[OTHER(p)] || peer[OTHER(p)] == GONE) -> peer[p] = GONE
    :: open[p] && peer[p] == 1 && open[OTHER(p)] && peer[OTHER(p)] == 0 ->
        peer[p] = 0
    :: else
    fi;
    atomic { IF(!open[p] || attached[p] == 0, reclaim(p)) }
}

inline open_again(p)
{
    IF(attached[p] == 0, peer[p] = 0);
    atomic {
        answered[p] = attached[p] != OLD;
        if
        :: peer[p] == 0 -> join(p, p)
        :: peer[p] == GONE -> taker[p] = NOBODY; widowed[p] = true
        :: peer[p] == 1 && state[OTHER(p)] == DOWN ->
            taker[p] = NOBODY;
            awaits[p] = true
        :: peer[p] == 1 && state[OTHER(p)] != DOWN ->
            assert(awaits[OTHER(p)]);
            awaits[OTHER(p)] = false;
            linked = true;
            join(p, OTHER(p))
        fi;
        told[p] = attached[p];
        state[p] = (attached[p] == 0 -> IDLE : ATTACHED)
    }
}

inline forget(p)
{
    told[p] = 0;
    widow(p);
    atomic {
        open[p] = false;
        if
        :: awaits[OTHER(p)] ->
            awaits[OTHER(p)] = false;
            widowed[OTHER(p)] = true;
            late[OTHER(p)] = true
        :: else -> reclaim(p)
        fi
    }
}

/* Port 'c' with 'q', which is the other port or itself. */
inline do_attach(c, q)
{
#ifdef BROKEN_ATTACHED_FIRST
    attached[c] = NUMBER(c);
#endif
    atomic { tx[c] = EMPTY; peer[c] = (c != q) } /* vhc_record_attach() */
    peer[q] = (c != q);
    attached[c] = NUMBER(c);
    atomic {
        join(c, q);
        told[c] = NUMBER(c);
        state[c] = ATTACHED;
        out[c] = true
    }
}

inline look(p)
{
    if
    :: RUNS(p) ->               /* begin_detach(), for whatever reason. */
#ifdef BROKEN_WIDOW_LAST
        attached[p] = 0;
#endif
#ifdef BROKEN_ALONE             /* The other port goes on. */
        atomic { IF(linked, taker[OTHER(p)] = NOBODY); state[p] = DETACHING }
#else
        atomic {
            IF(linked, taker[OTHER(p)] = NOBODY; widowed[OTHER(p)] = true);
            state[p] = DETACHING;
            widow(p)
        }
#endif
        attached[p] = 0
    :: atomic {
            state[p] == IDLE && asks[p] && !answered[p] && p == 0 ->
            answered[p] = true
        }
        do_attach(p, p)
    :: atomic {                 /* begin_attach() */
            state[p] == IDLE && asks[p] && !answered[p] && p == 1 &&
            RUNS(0) && !linked && !widowed[0] && !awaits[0] ->
            answered[p] = true;
            taker[0] = NOBODY;
            state[p] = LINKING
        }
    fi
}

inline quiesced(p)
{
    if
    :: state[p] == LINKING && !widowed[p] && RUNS(0) ->
        linked = true;
        do_attach(p, OTHER(p))
    :: state[p] == LINKING && (widowed[p] || !RUNS(0)) ->
        atomic { reset(p, IDLE) }
    :: state[p] == DETACHING ->
        atomic {
            reclaim(p);
            IF(late[p], reclaim(OTHER(p)));
#ifdef BROKEN_ALONE
            IF(linked, peer[OTHER(p)] = 0; join(OTHER(p), OTHER(p)));
#endif
            linked = false;
            peer[p] = 0
        }
        atomic { told[p] = 0; reset(p, IDLE) }
    fi
}

inline close(p)
{
    atomic {
        IF(linked || state[OTHER(p)] == LINKING,
           taker[OTHER(p)] = NOBODY;
           widowed[OTHER(p)] = true;
           late[OTHER(p)] = linked);
        IF(state[p] == LINKING && RUNS(0), join(0, 0));
        state[p] = IDLE;
#ifndef BROKEN_TOLD_LAST
        told[p] = 0
#endif
    }
    widow(p);
    atomic {
        open[p] = false;
        IF(!linked, reclaim(p));
        IF(late[p], reclaim(OTHER(p)));
        linked = false
    }
    atomic { told[p] = 0; reset(p, DOWN) }
}

/* At any time. */
#define TAKES(P) (RUNS(P) && taker[P] != NOBODY)
#define SAFE(P) \
    (!TAKES(P) || tx[P] == EMPTY \
     || tx[P] == GOOD && taker[P] == SLOT(OTHER(P)))

/* When there is nothing to do. */
#define QUIET(P) \
    (state[P] == DOWN && !open[P] || state[P] == IDLE \
     || RUNS(P) && !widowed[P] && !awaits[P])
#define RIGHT(P) \
    (told[P] == (RUNS(P) -> NUMBER(P) : 0) && (!out[P] || RUNS(P)) \
     && (!RUNS(0) || !RUNS(1) || linked && taker[P] == SLOT(OTHER(P))))

active proctype control()
{
    byte p;

boot:
    {
        do
        :: p < 2 -> IF(open[p] && attached[p] == 0, peer[p] = 0); p++
        :: else -> break
        od;
        do
        :: p > 0 -> p--; sanitize(p)
        :: else -> break
        od;
        do
        :: atomic {
                assert(!QUIET(0) || !QUIET(1) || RIGHT(0) && RIGHT(1));
                if
                :: p = 0
                :: p = 1
                fi
            }
            if
            :: state[p] == DOWN && open[p] -> open_again(p)
            :: state[p] == DOWN && open[p] -> forget(p)
            :: atomic {
                    state[p] == DOWN && !open[p] && !late[OTHER(p)] ->
                    attached[p] = 0;
                    peer[p] = 0;
                    open[p] = true
                }
                atomic { told[p] = 0; answered[p] = true; state[p] = IDLE }
            :: state[p] == LINKING || state[p] == DETACHING -> quiesced(p)
            :: RUNS(p) || state[p] == IDLE && asks[p] && !answered[p] ->
                look(p)
            :: state[p] != DOWN -> close(p)
            :: true
            fi
        od
    } unless {
        !alive
    };
    d_step {
        answered[0] = false;
        answered[1] = false;
        reset(0, DOWN);
        reset(1, DOWN);
        join(0, 0);
        join(1, 1);
        linked = false;
        p = 0;
        alive = true
    }
    goto boot
}

active proctype killer()
{
    do
    :: alive = false
    od
}

active proctype observer()
{
    do
    :: assert(SAFE(0) && SAFE(1));
        assert(!TAKES(0) || !TAKES(1) || taker[0] != taker[1])
    od
}

#define ON(P) (asks[P] && told[P] == NEW)

/* From now on the number is another, or 0. */
inline renew(p, value)
{
    asks[p] = value;
    answered[p] = false;
    IF(attached[p] == NEW, attached[p] = OLD);
    IF(told[p] == NEW, told[p] = OLD)
}

/* Asks until the answer comes. */
inline ask(p)
{
    do
    :: ON(p) -> break
    :: atomic { !ON(p) && (!asks[p] || answered[p]) -> renew(p, true) }
    :: p == 1 && !ON(0) -> goto leave
    od
}

active proctype nf()
{
    do
    :: told[0] == 0 && told[1] == 0;
        ask(0);
        ask(1);
        if
        :: atomic {             /* Forwards packets. */
                ON(0) && ON(1) ->
                IF(tx[0] == EMPTY, tx[0] = GOOD);
                IF(tx[1] == EMPTY, tx[1] = GOOD)
            }
        :: !ON(0) || !ON(1)
        fi;
leave:
        atomic { renew(0, false); renew(1, false) }
    od
}
