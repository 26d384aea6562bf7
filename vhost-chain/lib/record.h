/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_RECORD_H
#define VHC_RECORD_H 1

/* What control writes to the ledger about a port.
 *
 * A switch that ends between any two stores leaves something that the next one
 * understands, because each change has one store that makes it:
 *
 *     open     n_queues      last:  before it there is no record
 *     close    n_queues      first: the rest means nothing then
 *     attach   attached = 1  last:  before it no NF is attached, though its
 *                            request may be good: it asks again.  After it,
 *                            an NF is that has not been told: the next switch
 *                            tells it.
 *     link     attached = 1  of the port that attaches second; the first names
 *                            it as its peer before, which counts only if both
 *                            name each other and both are attached
 *     detach   attached = 0  first: from then on the buffers of the port are
 *                            the switch's, as if all were reclaimed already
 *     widow    peer = GONE   of the port that stays, before that of the one
 *                            that is detached or closed changes: it must
 *                            detach, because its NF lost the other port.  If
 *                            the other still names it, both must
 *
 * Thread-safety: the control thread, or serialized with it. */

#include <stdint.h>

struct vhc_pool;
struct vhc_port;
struct vhc_record;

/* Returns the record of 'port', which has slots. */
struct vhc_record *vhc_port_record(const struct vhc_port *port);

/* Writes the record of 'port', in which no NF is attached. */
void vhc_record_open(struct vhc_port *port);

/* 'port' is closed: clears its record, and widows who names it as its peer. */
void vhc_record_close(struct vhc_port *port);

/* 'port' has an NF, and a peer or not.  Its rings must have been made. */
void vhc_record_attach(struct vhc_port *port);

/* The NF of 'port' is about to be detached: widows who names it. */
void vhc_record_detach(struct vhc_port *port);

/* 'port' has no peer any more. */
void vhc_record_unlink(struct vhc_port *port);

/* The peer of 'port' was closed. */
void vhc_record_widow(struct vhc_port *port);

/* Returns the first slot of the port that the record of 'port' says is linked
 * with it, 0 if there is none, or VHC_PEER_GONE. */
uint32_t vhc_record_peer(const struct vhc_port *port);

#endif /* record.h */
