/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_H
#define SOURCE_H 1

/* Packets that a test program makes, as many as the switch takes.
 *
 * Usage
 * -----
 *
 *     source_load(&s, path);
 *     p.fill_level = p.head.ring_size;      And attach.
 *     while (source_send(&s, &p, 0, 32)) ...
 *
 * The file has a frame a line, in hexadecimal; see packets.py.  A space and
 * the packet's mark, in hexadecimal too, may follow. */

#include "probe.h"

struct source {
    struct source_frame {
        uint8_t *data;
        uint32_t mark;
        uint16_t len;
    } *frames;
    uint32_t n_frames;
    uint32_t next;              /* Frame to be sent next. */
};

void source_load(struct source *, const char *path);

/* Writes the frame that is next to 'data'.  Returns its length. */
uint16_t source_copy(struct source *, uint8_t *data);

/* Makes up to 'n' packets of the empty buffers in the fill ring of 'queue' and
 * sends them.  Returns how many. */
uint32_t source_send(struct source *, struct probe *, uint32_t queue,
                     uint32_t n);

#endif /* source.h */
