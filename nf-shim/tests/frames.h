/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRAMES_H
#define FRAMES_H 1

/* Ethernet frames for tests.
 *
 * Usage
 * -----
 *
 *     struct frame f;
 *
 *     frame_make(&f, &(struct frame_spec) {
 *         .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 6, .dport = 80 });
 *     flow_parse(&flow, f.bytes, f.len);
 */

#include <stdbool.h>
#include <stdint.h>

struct frame_spec {
    unsigned int n_vlans;
    const char *src, *dst;      /* NULL: not an IP frame, but ARP. */
    uint8_t proto;
    uint8_t extensions[12];     /* Of IPv6: types, ended by 255.  Type 0 is
                                 * hop-by-hop; 44 a fragment header. */
    bool has_extensions;
    uint16_t fragment;          /* Offset in units of 8 bytes. */
    bool more_fragments;
    unsigned int options;       /* Words of IPv4 options. */
    uint16_t sport, dport;
    unsigned int padding;       /* Bytes behind the IP packet. */
};

struct frame {
    uint32_t len;               /* Bytes. */
    uint32_t ip_off;            /* Bytes to the IP header. */
    uint32_t l4_off;            /* Bytes to what follows it. */
    uint8_t bytes[512];
};

/* Makes the frame that 'spec' describes, with 20 bytes from the ports on. */
void frame_make(struct frame *f, const struct frame_spec *spec);

#endif /* frames.h */
