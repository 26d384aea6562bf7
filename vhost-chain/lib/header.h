/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_HEADER_H
#define VHC_HEADER_H 1

/* What the switch says of itself in shared memory: the host's control block of
 * a ring file, the superblock of a pool.
 *
 * NFs map both and can write there.  The switch relies on neither: one that
 * starts knows a ring file by its magic and UUID, and goes on with its
 * generation, wake-ups and tick, where a wrong value harms only the NF that
 * wrote it.  But who attaches next would read nonsense.  So the switch keeps a
 * copy of its own, compares now and then, and writes what is right again.
 *
 * Thread-safety: the control thread, or serialized with it. */

#include <stdint.h>

struct vhc_pool;
struct vhc_port;

/* Writes the control block of 'port'.  An NF that is attached, and was to the
 * last switch, finds it as it was. */
void vhc_header_write(struct vhc_port *port);

/* Tells the NF the state of 'port'. */
void vhc_header_publish(struct vhc_port *port);

/* Tell the NF its token, and the length of the longest frame. */
void vhc_header_set_token(struct vhc_port *port, uint64_t token);
void vhc_header_set_max_len(struct vhc_port *port, uint32_t max_len);

/* Compares, and counts if somebody has written there. */
void vhc_header_repair(struct vhc_port *port);

/* Writes the superblock of 'pool'; vhc_pool_run() compares. */
void vhc_superblock_write(struct vhc_pool *pool);

#endif /* header.h */
