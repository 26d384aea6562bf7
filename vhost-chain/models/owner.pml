/* SPDX-License-Identifier: Apache-2.0 */

/* Who owns a buffer, while NFs attach, link two ports and detach, and ports
 * are opened and closed, under traffic: no buffer is taken by two threads, or
 * is in two places, none is lost, and the account balances.
 *
 *     pmd()        take() and give() in burst.c
 *     control()    vhc_port_run() and vhc_port_quiesced() in session.c
 *     manager()    vhc_port_open() and vhc_port_close() in port.c
 *     reclaim()    reclaim_slot() in slots.c
 *
 * Two ports of one queue; each of two threads receives from one of them and
 * sends to the other.  The NF is as hostile as can be: the tx ring of each
 * port has any buffer in it at any time, and the NF asks for anything at any
 * time.  A grace period is OVS's RCU: each thread was out of the data path
 * once.
 *
 * One buffer is enough: what befalls one does not depend on others, except for
 * the counters, which are one for all.
 *
 * Memory is sequentially consistent.  Grace periods order what control does,
 * and the rings what an NF does that waits for them.  One that does not can
 * send a buffer as soon as it is its own, to another thread, and then nothing
 * is in between but the owner itself: see 'touched'. */

#define HOST 0                  /* An owner; others are slots from 1. */
#define NOBODY 7                /* No slot. */
#define OTHER(P) (1 - (P))

byte owner = HOST;
mtype = { FREE, PACKET, NF };
mtype place = FREE;             /* Where it really is. */
bool touched;                   /* The thread that gave it still uses it. */
byte held;                      /* Counted out less counted back, modulo 4. */
bool orphan[4];

/* struct vhc_port. */
byte slot[2];                   /* 0: the port is closed. */
bool usable[2], attached[2];    /* Threads find it; and an NF. */
byte taker[2];                  /* 'limits.slot' of its queue. */
bool granted[2];                /* attach.state == VHC_ATTACHED. */
bool peer[2], linking[2], widowed[2], waiting[2];
byte late[2];

bool in_path[2];                /* By thread. */
bool locked;                    /* netdev_chain_mutex. */

#define LOCK atomic { !locked -> locked = true }
#define UNLOCK locked = false
#define GRACE !in_path[0]; !in_path[1]
#define IF(CONDITION, STATEMENT) if :: CONDITION -> STATEMENT :: else fi
#define COUNT(N) held = (held + N) % 4
#define HAS_PORT(S) (slot[0] == S || slot[1] == S)

inline reclaim(s)
{
    if
    :: owner == s ->
        assert(place == NF);
        owner = HOST;
        place = FREE;
        COUNT(3)
    :: else
    fi;
    orphan[s] = false
}

active [2] proctype pmd()
{
    byte s;

    do
    :: atomic {                 /* vhc_port_rx() */
            usable[_pid] && attached[_pid] -> in_path[_pid] = true
        }
        s = taker[_pid];
        if
        :: owner == s           /* vhc_desc_check() */
        :: else -> goto leave
        fi;
        atomic {                /* take() */
            assert(owner == s && place == NF && !touched);
            owner = HOST;
            place = PACKET
        }
        COUNT(3);
        goto send
    :: atomic {                 /* From elsewhere. */
            place == FREE -> place = PACKET; in_path[_pid] = true
        }
send:
        if                      /* vhc_port_tx() */
        :: atomic {
                usable[OTHER(_pid)] && attached[OTHER(_pid)] ->
                s = slot[OTHER(_pid)]
            }
#ifdef BROKEN_GIVE              /* Stores before are seen after. */
            atomic { owner = s; place = NF; touched = true }
            touched = false;
#else
            atomic { owner = s; place = NF } /* give() */
#endif
            COUNT(1)
        :: place = FREE
        fi;
leave:
        atomic { in_path[_pid] = false; s = 0 }
    od
}

/* vhc_port_run() */
inline look(p)
{
    if
    :: granted[p] && !widowed[p]
    :: atomic { granted[p] -> granted[p] = false; attached[p] = false }
        atomic {                /* begin_detach() */
#ifndef BROKEN_PART
            IF(peer[p], taker[OTHER(p)] = NOBODY; widowed[OTHER(p)] = true);
#endif
            waiting[p] = true
        }
    :: !granted[p]
    :: atomic {                 /* do_attach() */
            !granted[p] ->
            granted[p] = true;
            taker[p] = slot[p];
            attached[p] = true
        }
    :: atomic {                 /* find_peer(), begin_attach() */
            !granted[p] && attached[OTHER(p)] && !peer[OTHER(p)] &&
            !widowed[OTHER(p)] && !linking[OTHER(p)] ->
            granted[p] = true;
            peer[p] = true;
            linking[p] = true;
            taker[OTHER(p)] = NOBODY;
            waiting[p] = true
        }
    fi
}

inline quiesced(p)
{
    if
    :: granted[p] ->            /* finish_link() */
        if
        :: !peer[p] || !attached[OTHER(p)] || peer[OTHER(p)] ->
            atomic { peer[p] = false; widowed[p] = false; granted[p] = false }
        :: else ->
            peer[OTHER(p)] = true;
            taker[p] = slot[OTHER(p)];
            taker[OTHER(p)] = slot[p];
            attached[p] = true
        fi;
        linking[p] = false
    :: else ->
        atomic { reclaim(slot[p]) }
        atomic {                /* unlink_peer() */
            IF(peer[p], peer[OTHER(p)] = false);
            peer[p] = false
        }
        atomic {
            IF(widowed[p] && late[p] != 0, reclaim(late[p]));
            late[p] = 0;
            widowed[p] = false
        }
    fi;
    waiting[p] = false
}

active proctype control()
{
    do
    :: atomic {
            !locked -> locked = true;
            IF(!in_path[0] && !in_path[1],
               assert(held == (owner != HOST)))
        }
        IF(slot[0] != 0, look(0));
        IF(slot[1] != 0, look(1));
        UNLOCK;
        if
        :: waiting[0] || waiting[1] ->
#ifdef BROKEN_JOIN              /* Links at once. */
            IF(!linking[0] && !linking[1], GRACE);
#else
#ifndef BROKEN_GRACE            /* Detaches at once, too. */
            GRACE;
#endif
#endif
            LOCK;
            IF(waiting[0], quiesced(0));
            IF(waiting[1], quiesced(1));
            UNLOCK
        :: else
        fi
    od
}

inline close(p)
{
    atomic {                    /* vhc_port_widow_peers() */
        attached[p] = false;
        IF(peer[OTHER(p)],
           taker[OTHER(p)] = NOBODY;
           peer[OTHER(p)] = false;
           widowed[OTHER(p)] = true;
           late[OTHER(p)] = (peer[p] -> slot[p] : 0));
        IF(linking[p] && peer[p],
           taker[OTHER(p)] = slot[OTHER(p)];
           peer[p] = false)
    }
#ifdef BROKEN_GONE              /* Counts what comes back meanwhile twice. */
    n = held;
    IF(peer[p], held = (held * 2 + 4 - n) % 4);
#endif
    atomic {                    /* vhc_slots_release() */
#ifdef BROKEN_ORPHAN
        peer[p] = false;
#endif
        if
        :: peer[p] -> orphan[slot[p]] = true
        :: else -> reclaim(slot[p])
        fi;
        IF(widowed[p] && late[p] != 0, reclaim(late[p]));
        slot[p] = 0;
        granted[p] = false;
        linking[p] = false;
        peer[p] = false;
        widowed[p] = false;
        waiting[p] = false;
        late[p] = 0
    }
}

/* vhc_slots_take() */
#define SLOT_FREE(S) (!HAS_PORT(S) && !orphan[S])

inline open(p)
{
    atomic {
        slot[p] = (SLOT_FREE(1) -> 1 : (SLOT_FREE(2) -> 2 : 3));
        assert(!orphan[slot[p]] && slot[0] != slot[1] && owner != slot[p]);
        taker[p] = slot[p];
        usable[p] = true
    }
}

active proctype manager()
{
    byte n;

    do
    :: slot[0] == 0 -> LOCK; open(0); UNLOCK
    :: slot[1] == 0 -> LOCK; open(1); UNLOCK
    :: slot[0] != 0 -> usable[0] = false; GRACE; LOCK; close(0); UNLOCK
    :: slot[1] != 0 -> usable[1] = false; GRACE; LOCK; close(1); UNLOCK
    od
}
