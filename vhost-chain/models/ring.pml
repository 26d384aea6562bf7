/* SPDX-License-Identifier: Apache-2.0 */

/* The ring of vhc/ring.h, in the memory model of C11: entries are read as they
 * were written, in order, none is overwritten before it is released, and
 * neither side waits for ever.
 *
 *     producer()                            consumer()
 *       reserve  vhc_ring_reserve()           peek     vhc_ring_peek()
 *       put      vhc_ring_put()               get      vhc_ring_get()
 *       submit   vhc_ring_submit()            release  vhc_ring_release()
 *
 * An index that one side stores is on its way to the other in a channel, for
 * as long as it likes; the two channels are not ordered against each other,
 * nor against the entries.  So a load gets any value from the one that it got
 * last to the newest, as C11 allows.
 *
 * That a side may touch an entry follows from what it knows that the other has
 * done before ("happens before"): a store-release sends along how many entries
 * its side has written or read so far, a load-acquire learns it, and without
 * either nothing is learned.  To touch an entry without that knowledge is a
 * data race, whatever a processor makes of it.  So this is stricter than any
 * processor, and than store buffers.
 *
 * Indices and entries are numbers modulo MOD, which stands for 2^32, and the
 * two sides never stop: the state space is finite, and all of it is searched.
 */

#define SIZE 4                  /* Entries of the ring. */
#define MOD 8                   /* Indices wrap there, SIZE divides it. */
#define BURST 3                 /* Entries at a time, at most. */

#define DIFF(A, B) ((A + MOD - B) % MOD)
#define PLUS(A, N) ((A + N) % MOD)

/* One of the 'n' entries up to the 'n'th is entry 'i'. */
#define KNOWN(I, N) (DIFF(N, I) >= 1 && DIFF(N, I) <= MOD / 2)

byte desc[SIZE];                /* Each holds its own index. */
byte prod, cons;                /* As the other side sees them now, and what */
byte prod_knows, cons_knows;    /* came along with that value. */

chan prod_wire = [SIZE] of { byte, byte };
chan cons_wire = [SIZE] of { byte, byte };

/* The two indices arrive, in the order of the stores to each. */
active proctype memory()
{
end:
    do
    :: prod_wire ? prod, prod_knows
    :: cons_wire ? cons, cons_knows
    od
}

active proctype producer()
{
    byte own = 0;               /* 'prod' of struct vhc_prod, */
    byte cached = 0;            /* its 'cons', */
    byte known = 0;             /* entries known to be read, */
    byte released = 0;          /* entries written at the last release. */
    byte want, n, i;

    do
    :: if
       :: want = 1
       :: want = 2
       :: want = BURST
       fi;

        /* vhc_ring_reserve() */
        n = want;
        if
#ifdef BROKEN_ROOM              /* One entry too many. */
        :: SIZE + 1 - DIFF(own, cached) < want ->
#else
        :: SIZE - DIFF(own, cached) < want ->
#endif
            atomic {
#ifndef BROKEN_CACHE            /* Never looks again. */
                cached = cons;
#endif
#ifndef BROKEN_B_ACQUIRE
                known = cons_knows;
#endif
            }
            assert(DIFF(own, cached) <= SIZE); /* Else 'bad'. */
            if
            :: SIZE - DIFF(own, cached) < want ->
                n = SIZE - DIFF(own, cached)
            :: else
            fi
        :: else
        fi;

        if
        :: n == 0 -> cached != cons /* Polls. */
        :: else
        fi;

        i = 0;
        do
        :: i < n ->             /* vhc_ring_put() */
            /* What was there is read. */
            assert(KNOWN(DIFF(PLUS(own, i), SIZE), known));
progress_put:
            desc[PLUS(own, i) % SIZE] = PLUS(own, i);
            i++
        :: else -> break
        od;

        if
        :: n > 0 ->             /* vhc_ring_submit() */
            own = PLUS(own, n);
#ifndef BROKEN_A_RELEASE
            released = own;
#endif
            atomic { prod_wire ! own, released; i = 0; n = 0; want = 0 }
        :: else
        fi
    od
}

active proctype consumer()
{
    byte own = 0;               /* 'cons' of struct vhc_cons, */
    byte cached = 0;            /* its 'prod', */
    byte known = 0;             /* entries known to be written, */
    byte released = 0;          /* entries read at the last release. */
    byte want, n, i;

    do
    :: if
       :: want = 1
       :: want = 2
       :: want = BURST
       fi;

        /* vhc_ring_peek() */
        n = want;
        if
        :: DIFF(cached, own) < want ->
            atomic {
                cached = prod;
#ifndef BROKEN_A_ACQUIRE
                known = prod_knows;
#endif
            }
            assert(DIFF(cached, own) <= SIZE); /* Else 'bad'. */
            if
            :: DIFF(cached, own) < want -> n = DIFF(cached, own)
            :: else
            fi
        :: else
        fi;

        if
        :: n == 0 -> cached != prod /* Polls. */
        :: else
        fi;

        i = 0;
        do
        :: i < n ->             /* vhc_ring_get() */
            assert(KNOWN(PLUS(own, i), known)); /* It is written. */
            assert(desc[PLUS(own, i) % SIZE] == PLUS(own, i));
            i++
        :: else -> break
        od;

        if
        :: n > 0 ->             /* vhc_ring_release() */
            own = PLUS(own, n);
#ifndef BROKEN_B_RELEASE
            released = own;
#endif
            atomic { cons_wire ! own, released; i = 0; n = 0; want = 0 }
        :: else
        fi
    od
}
