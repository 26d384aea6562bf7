/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAFFIC_H
#define TRAFFIC_H 1

/* Streams of numbered packets that tell whether each of them arrived as it was
 * sent.
 *
 * Usage
 * -----
 *
 *     struct traffic_stream stream = { .window = 256 };
 *
 *     while (traffic_room(&stream)) {
 *         len = traffic_next_len(&stream, id);
 *         traffic_make(&stream, id, frame);   writes 'len' bytes
 *         send it;
 *     }
 *     for each frame that arrives:
 *         traffic_take(streams, n_streams, frame, len);
 *     once nothing is under way any more:
 *         traffic_give_up(&stream);           what is missing is lost
 *
 * A packet is UDP in IPv4, to port TRAFFIC_PORT plus the number of its stream,
 * of any length from TRAFFIC_MIN to TRAFFIC_MAX.  It carries the number of its
 * stream, its own number there, and a checksum of all of its bytes that a
 * change of one word never leaves as it was.
 *
 * Ownership: all structures and frames are the caller's.
 *
 * Thread-safety: a stream may be used by one thread at a time. */

#include <stddef.h>
#include <stdint.h>

#define TRAFFIC_MIN 60          /* Bytes of a frame, without its CRC. */
#define TRAFFIC_MAX 1514
#define TRAFFIC_PORT 7000
#define TRAFFIC_WINDOW 1024     /* Packets of a stream under way, at most. */

struct traffic_stream {
    uint32_t window;            /* 0 to TRAFFIC_WINDOW. */
    uint64_t next;              /* Number of the next packet to be sent. */
    uint64_t base;              /* All before this number arrived or were
                                 * given up... */
    uint64_t high;              /* ...and all from this one on did not. */
    uint64_t bytes;             /* Of the packets that arrived. */
    uint64_t received;
    uint64_t reordered;         /* Arrived after one with a higher number. */
    uint64_t duplicated;        /* Arrived again, or after it was given up. */
    uint64_t lost;              /* Given up. */
    uint8_t seen[TRAFFIC_WINDOW]; /* Whether number N arrived, at N modulo
                                   * TRAFFIC_WINDOW, from 'base' to 'high'. */
};

enum traffic_verdict {
    TRAFFIC_GOOD,
    TRAFFIC_DUPLICATED,
    TRAFFIC_CORRUPTED           /* Not one of the packets that were sent. */
};

/* Returns how many packets are under way. */
static inline uint32_t
traffic_under_way(const struct traffic_stream *stream)
{
    return stream->next - stream->received - stream->lost;
}

/* Returns how many packets may be sent now. */
uint32_t traffic_room(const struct traffic_stream *stream);

/* Returns the length of packet 'number' of stream 'id'. */
size_t traffic_len(uint32_t id, uint64_t number);

static inline size_t
traffic_next_len(const struct traffic_stream *stream, uint32_t id)
{
    return traffic_len(id, stream->next);
}

/* Writes the next packet of 'stream', number 'id', to 'frame'. */
void traffic_make(struct traffic_stream *stream, uint32_t id, uint8_t *frame);

/* Looks at a frame that arrived, and notes it in its stream. */
enum traffic_verdict traffic_take(struct traffic_stream *streams,
                                  uint32_t n_streams, const uint8_t *frame,
                                  size_t len);

/* Takes all packets that are under way for lost. */
void traffic_give_up(struct traffic_stream *stream);

#endif /* traffic.h */
