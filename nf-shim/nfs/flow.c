/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow.h"

#include <netinet/in.h>
#include <string.h>

#define ETH_HEADER_LEN 14
#define ETH_TYPE_IPV4 0x0800
#define ETH_TYPE_IPV6 0x86dd
#define ETH_TYPE_VLAN 0x8100
#define ETH_TYPE_QINQ 0x88a8
#define VLAN_LEN 4
#define MAX_VLANS 2
#define IPV4_MIN_LEN 20
#define IPV6_LEN 40
#define MAX_EXTENSIONS 8
#define PORTS_LEN 4

#ifndef IPPROTO_MOBILITY
#define IPPROTO_MOBILITY 135
#endif
#ifndef IPPROTO_SHIM6
#define IPPROTO_SHIM6 140
#endif

/* The part of a frame that was not parsed yet. */
struct cursor {
    const uint8_t *p;
    uint32_t left;              /* Bytes. */
};

/* Reads are volatile, so that the compiler reads once what the code reads
 * once: a second read might give another value. */
static inline uint8_t
get8(const struct cursor *c, uint32_t off)
{
    return *(const volatile uint8_t *) (c->p + off);
}

static inline uint16_t
get16(const struct cursor *c, uint32_t off)
{
    return get8(c, off) << 8 | get8(c, off + 1);
}

static inline bool
skip(struct cursor *c, uint32_t n)
{
    if (n > c->left) {
        return false;
    }
    c->p += n;
    c->left -= n;
    return true;
}

bool
flow_proto_has_ports(uint8_t proto)
{
    return (proto == IPPROTO_TCP || proto == IPPROTO_UDP
            || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP
            || proto == IPPROTO_UDPLITE);
}

static bool
parse_ports(struct flow *flow, const struct cursor *c)
{
    if (flow->later_fragment || !flow_proto_has_ports(flow->proto)) {
        return true;
    }
    if (c->left < PORTS_LEN) {
        return false;
    }
    flow->sport = get16(c, 0);
    flow->dport = get16(c, 2);
    flow->has_ports = true;
    return true;
}

static bool
parse_ipv4(struct flow *flow, struct cursor *c)
{
    uint32_t header_len, total_len;

    if (c->left < IPV4_MIN_LEN) {
        return false;
    }

    uint8_t version = get8(c, 0);

    header_len = (version & 15) * 4;
    total_len = get16(c, 2);
    if (version >> 4 != 4 || header_len < IPV4_MIN_LEN
        || total_len < header_len || total_len > c->left) {
        return false;
    }

    flow->kind = FLOW_IPV4;
    flow->proto = get8(c, 9);
    flow->later_fragment = (get16(c, 6) & 0x1fff) != 0;
    memcpy(flow->src.bytes, c->p + 12, 4);
    memcpy(flow->dst.bytes, c->p + 16, 4);
    c->left = total_len;        /* Less the padding. */
    return skip(c, header_len) && parse_ports(flow, c);
}

/* Skips one extension header of type '*next'.  Returns false if it is cut
 * off; sets '*done' if it is none. */
static bool
skip_extension(struct flow *flow, struct cursor *c, uint8_t *next, bool *done)
{
    uint32_t len;

    switch (*next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MOBILITY:
    case IPPROTO_SHIM6:
    case IPPROTO_FRAGMENT:
    case IPPROTO_AH:
        break;
    default:
        *done = true;
        return true;
    }

    if (c->left < 8) {
        return false;
    }
    if (*next == IPPROTO_FRAGMENT) {
        flow->later_fragment = (get16(c, 2) & 0xfff8) != 0;
        *done = flow->later_fragment; /* What follows is not a header. */
        len = 8;
    } else if (*next == IPPROTO_AH) {
        len = (get8(c, 1) + 2) * 4;
    } else {
        len = (get8(c, 1) + 1) * 8;
    }
    *next = get8(c, 0);
    return skip(c, len);
}

static bool
parse_ipv6(struct flow *flow, struct cursor *c)
{
    bool done = false;
    uint32_t payload_len;
    uint8_t next;

    if (c->left < IPV6_LEN || get8(c, 0) >> 4 != 6) {
        return false;
    }
    payload_len = get16(c, 4);
    next = get8(c, 6);
    memcpy(flow->src.bytes, c->p + 8, 16);
    memcpy(flow->dst.bytes, c->p + 24, 16);
    skip(c, IPV6_LEN);
    if (payload_len > c->left) {
        return false;
    }
    c->left = payload_len;

    for (int i = 0; !done; i++) {
        if (i > MAX_EXTENSIONS || !skip_extension(flow, c, &next, &done)) {
            return false;
        }
    }
    flow->kind = FLOW_IPV6;
    flow->proto = next;
    return parse_ports(flow, c);
}

static bool
parse_eth(struct flow *flow, struct cursor *c)
{
    uint16_t type;

    if (c->left < ETH_HEADER_LEN) {
        return false;
    }
    type = get16(c, 12);
    skip(c, ETH_HEADER_LEN);
    for (int i = 0; type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ; i++) {
        if (i == MAX_VLANS || c->left < VLAN_LEN) {
            return false;
        }
        type = get16(c, 2);
        skip(c, VLAN_LEN);
    }

    flow->eth_type = type;
    return (type == ETH_TYPE_IPV4 ? parse_ipv4(flow, c)
            : type == ETH_TYPE_IPV6 ? parse_ipv6(flow, c)
            : true);
}

void
flow_parse(struct flow *flow, const uint8_t *frame, uint32_t len)
{
    struct cursor c = { frame, len };

    memset(flow, 0, sizeof *flow);
    if (!parse_eth(flow, &c)) {
        memset(flow, 0, sizeof *flow);
        flow->kind = FLOW_MALFORMED;
    }
}
