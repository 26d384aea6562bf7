/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_SLOTS_H
#define VHC_SLOTS_H 1

/* Slots: the queues of ports as owners of buffers, and where their buffers
 * come back.
 *
 * The buffers of a slot come back in the tx ring of its own queue or, while
 * two ports of one NF are linked, in that of the same queue of the other port
 * (burst.c says why in one place only).  A change from the one to the other
 * takes two steps, so that never two threads take the buffers of a slot:
 *
 *     vhc_slots_part(a), vhc_slots_part(b);     nobody takes them
 *     wait until no thread is in the data path that was in it
 *     vhc_slots_join(a, b);                     the other takes them
 *
 * Thread-safety: the control thread, or serialized with it. */

#include <stdbool.h>
#include <stdint.h>

struct vhc_pool;
struct vhc_port;

/* Gives 'port' slots for its queues.  Returns 0 or ENOSPC. */
int vhc_slots_take(struct vhc_port *port, char **errp);

/* Notes, in a pool that was found again, that the ports whose records the
 * ledger has are not open yet. */
void vhc_slots_recover(struct vhc_pool *pool);

/* Gives 'port' the slots from 'first' on, which the ledger says are its, and
 * the buffers that they own. */
void vhc_slots_adopt(struct vhc_port *port, uint32_t first);

/* Ends what vhc_slots_take() or vhc_slots_adopt() began, for a switch that
 * ends too: the slots keep their buffers. */
void vhc_slots_abandon(struct vhc_port *port);

/* Gives up the slots of 'port', whose buffers nobody may take any more except
 * a peer.  Without a peer, takes the buffers back; with one, they are taken
 * back by vhc_slots_reclaim_orphans(). */
void vhc_slots_release(struct vhc_port *port);

/* Takes back every buffer of 'port'. */
void vhc_slots_reclaim(struct vhc_port *port);

/* Takes back the buffers of the late peer of 'port', which was closed while
 * they were linked.  No thread may be in the data path of 'port' that was in
 * it then. */
void vhc_slots_reclaim_orphans(struct vhc_port *port);

/* Takes back the buffers of 'slot', whose port is not open. */
void vhc_slots_reclaim_orphan(struct vhc_pool *pool, uint32_t slot);

/* From now on nobody takes buffers from the tx rings of 'port'. */
void vhc_slots_part(struct vhc_port *port);

/* The buffers of 'a' come back through 'b' and those of 'b' through 'a', which
 * may be the same port. */
void vhc_slots_join(struct vhc_port *a, struct vhc_port *b);

#endif /* slots.h */
