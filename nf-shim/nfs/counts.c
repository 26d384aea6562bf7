/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "counts.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>

#define ETH_TYPE_ARP 0x0806

static void
count(struct count *c, uint32_t len)
{
    c->n_packets++;
    c->n_bytes += len;
}

void
counts_add(struct counts *counts, const uint8_t *frame, uint32_t len)
{
    struct flow flow;

    flow_parse(&flow, frame, len);
    switch (flow.kind) {
    case FLOW_NON_IP:
        count(flow.eth_type == ETH_TYPE_ARP ? &counts->arp : &counts->non_ip,
              len);
        return;
    case FLOW_MALFORMED:
        count(&counts->malformed, len);
        return;
    case FLOW_IPV4:
        count(&counts->ipv4[flow.proto], len);
        break;
    case FLOW_IPV6:
        count(&counts->ipv6[flow.proto], len);
        break;
    }
    if (flow.later_fragment) {
        count(&counts->fragments, len);
    }
    talkers_count(&counts->talkers, &flow, len);
}

static const char *
proto_name(int proto, char buf[16])
{
    switch (proto) {
    case IPPROTO_ICMP: return "icmp";
    case IPPROTO_IGMP: return "igmp";
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_GRE: return "gre";
    case IPPROTO_ESP: return "esp";
    case IPPROTO_ICMPV6: return "icmp6";
    case IPPROTO_SCTP: return "sctp";
    default:
        snprintf(buf, 16, "proto-%d", proto);
        return buf;
    }
}

static void
print_count(FILE *stream, const char *name, const char *family,
            const char *what, const struct count *c)
{
    if (c->n_packets) {
        fprintf(stream, "%s: %s%s packets=%"PRIu64" bytes=%"PRIu64"\n", name,
                family, what, c->n_packets, c->n_bytes);
    }
}

static void
print_talkers(FILE *stream, const char *name, const struct talkers *talkers,
              unsigned int n_top)
{
    struct talker top[COUNTS_MAX_TOP];
    size_t n = talkers_top(talkers, top,
                           n_top < COUNTS_MAX_TOP ? n_top : COUNTS_MAX_TOP);

    for (size_t i = 0; i < n; i++) {
        const struct talker *t = &top[i];
        char addr[INET6_ADDRSTRLEN];

        inet_ntop(t->family == FLOW_IPV4 ? AF_INET : AF_INET6, t->addr.bytes,
                  addr, sizeof addr);
        fprintf(stream, "%s: talker %zu %s bytes=%"PRIu64" packets=%"PRIu64,
                name, i + 1, addr, t->n_bytes, t->n_packets);
        if (t->error) {
            fprintf(stream, " error=%"PRIu64, t->error);
        }
        putc('\n', stream);
    }
}

void
counts_print(FILE *stream, const char *name, const struct counts *counts,
             unsigned int n_top)
{
    char buf[16];

    for (int i = 0; i < 256; i++) {
        print_count(stream, name, "ipv4 ", proto_name(i, buf),
                    &counts->ipv4[i]);
    }
    for (int i = 0; i < 256; i++) {
        print_count(stream, name, "ipv6 ", proto_name(i, buf),
                    &counts->ipv6[i]);
    }
    print_count(stream, name, "", "later-fragments", &counts->fragments);
    print_count(stream, name, "", "arp", &counts->arp);
    print_count(stream, name, "", "non-ip", &counts->non_ip);
    print_count(stream, name, "", "malformed", &counts->malformed);
    print_talkers(stream, name, &counts->talkers, n_top);
}
