/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_H
#define FLOW_H 1

/* What a frame is: addresses, protocol and ports.
 *
 * Usage
 * -----
 *
 *     struct flow flow;
 *
 *     flow_parse(&flow, p->data, nf_packet_len(p));
 *     if (flow.kind == FLOW_IPV4 && flow.proto == IPPROTO_TCP) {
 *         ...
 *     }
 *
 * What counts as what
 * -------------------
 *
 * Up to two VLAN tags (802.1Q, 802.1ad) are skipped.  Of IPv6, the extension
 * headers hop-by-hop, routing, fragment, destination options, authentication
 * and mobility are skipped, up to eight of them.  Padding behind an IP packet
 * is ignored.  A frame is malformed if a header is cut off, if a length in a
 * header contradicts another or the frame's, if there are more tags or
 * extension headers, or if a TCP, UDP, SCTP, DCCP or UDP-Lite packet that is
 * not a later fragment ends before its ports.
 *
 * Another member of the pool's trust domain may change the frame while it is
 * read.  The result may then be a mixture, but nothing outside of the frame
 * is ever read: each byte that a bound depends on is read once.
 *
 * Thread-safety: a pure function. */

#include <stdbool.h>
#include <stdint.h>

enum flow_kind {
    FLOW_NON_IP,                /* Only 'eth_type' is set. */
    FLOW_MALFORMED,             /* Nothing else is set. */
    FLOW_IPV4,
    FLOW_IPV6
};

/* An IPv4 address is in the first 4 bytes; the rest is 0. */
struct flow_addr {
    uint8_t bytes[16];
};

struct flow {
    enum flow_kind kind;
    uint16_t eth_type;          /* Host byte order, behind VLAN tags. */
    uint8_t proto;              /* IPPROTO_*, behind extension headers. */
    bool later_fragment;        /* A fragment that is not the first. */
    bool has_ports;             /* The ports are set. */
    uint16_t sport;             /* Host byte order. */
    uint16_t dport;             /* Host byte order. */
    struct flow_addr src;
    struct flow_addr dst;
};

/* Parses the frame of 'len' bytes at 'frame'. */
void flow_parse(struct flow *flow, const uint8_t *frame, uint32_t len);

/* Returns true if packets of 'proto' have ports. */
bool flow_proto_has_ports(uint8_t proto);

#endif /* flow.h */
