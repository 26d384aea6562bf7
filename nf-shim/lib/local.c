/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "local.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#define ETH_LEN 14              /* Bytes: addresses and EtherType. */
#define ETH_ARP 0x0806
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_SERVICE 0x88a8

/* Ethernet and IPv4 in ARP (RFC 826), from the EtherType on: hardware type,
 * protocol, lengths, operation "request"; then who asks, and for whom. */
static const uint8_t arp_request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
#define ARP_LEN 28              /* Bytes. */
#define ARP_TARGET 24           /* Offset of the IPv4 address. */

#define IPV6_LEN 40             /* Bytes. */
#define IPV6_NEXT 6             /* Offset: next header. */
#define IPV6_HOPS 7             /* Offset: hop limit. */
#define ICMPV6 58
#define SOLICITATION 135        /* RFC 4861, 4.3. */
#define SOLICITATION_LEN 24     /* Bytes, options not included. */
#define SOLICITATION_TARGET 8   /* Offset of the IPv6 address. */

uint64_t
nfi_local_mac(const uint8_t mac[6])
{
    uint64_t number = 0;

    for (int i = 0; i < 6; i++) {
        number = number << 8 | mac[i];
    }
    return number;
}

static bool
has_mac(const struct nfi_local *local, const uint8_t mac[6])
{
    uint64_t number = nfi_local_mac(mac);

    for (unsigned int i = 0; i < local->n_macs; i++) {
        if (local->macs[i] == number) {
            return true;
        }
    }
    return false;
}

static bool
is_arp_for(const struct nfi_local *local, const uint8_t *shared, size_t len)
{
    uint8_t arp[ARP_LEN];
    uint32_t target;

    if (len < sizeof arp) {
        return false;
    }
    memcpy(arp, shared, sizeof arp);
    memcpy(&target, arp + ARP_TARGET, sizeof target);
    if (memcmp(arp, arp_request, sizeof arp_request)) {
        return false;
    }
    for (unsigned int i = 0; i < local->n_ipv4; i++) {
        if (local->ipv4[i] == target) {
            return true;
        }
    }
    return false;
}

static bool
is_solicitation_for(const struct nfi_local *local, const uint8_t *shared,
                    size_t len)
{
    uint8_t ip[IPV6_LEN + SOLICITATION_LEN];
    const uint8_t *icmp = ip + IPV6_LEN;

    if (len < sizeof ip) {
        return false;
    }
    memcpy(ip, shared, sizeof ip);
    if (ip[0] >> 4 != 6 || ip[IPV6_NEXT] != ICMPV6 || ip[IPV6_HOPS] != 255
        || icmp[0] != SOLICITATION || icmp[1]) {
        return false;
    }
    for (unsigned int i = 0; i < local->n_ipv6; i++) {
        if (!memcmp(local->ipv6[i], icmp + SOLICITATION_TARGET, 16)) {
            return true;
        }
    }
    return false;
}

bool
nfi_local_has(const struct nfi_local *local, const uint8_t *frame, size_t len)
{
    uint8_t eth[ETH_LEN];
    unsigned int type;

    if (len < sizeof eth) {
        return false;
    }
    memcpy(eth, frame, sizeof eth);
    type = eth[12] << 8 | eth[13];
    if (!(eth[0] & 1)) {        /* Unicast. */
        return type != ETH_VLAN && type != ETH_SERVICE && has_mac(local, eth);
    }
    switch (type) {
    case ETH_ARP:
        return is_arp_for(local, frame + ETH_LEN, len - ETH_LEN);
    case ETH_IPV6:
        return is_solicitation_for(local, frame + ETH_LEN, len - ETH_LEN);
    default:
        return false;
    }
}

static void
add_mac(struct nfi_local *local, const struct sockaddr_ll *address)
{
    if (address->sll_hatype == ARPHRD_ETHER && address->sll_halen == 6
        && local->n_macs < NFI_LOCAL_MAX) {
        local->macs[local->n_macs++] = nfi_local_mac(address->sll_addr);
    }
}

static void
add_address(struct nfi_local *local, const struct sockaddr *address)
{
    const void *p = address;

    if (address->sa_family == AF_PACKET) {
        add_mac(local, p);
    } else if (address->sa_family == AF_INET
               && local->n_ipv4 < NFI_LOCAL_MAX) {
        const struct sockaddr_in *sin = p;

        local->ipv4[local->n_ipv4++] = sin->sin_addr.s_addr;
    } else if (address->sa_family == AF_INET6
               && local->n_ipv6 < NFI_LOCAL_MAX) {
        const struct sockaddr_in6 *sin6 = p;

        memcpy(local->ipv6[local->n_ipv6++], &sin6->sin6_addr, 16);
    }
}

int
nfi_local_read(struct nfi_local *local)
{
    struct ifaddrs *list;

    if (getifaddrs(&list)) {
        return errno;
    }
    local->n_macs = local->n_ipv4 = local->n_ipv6 = 0;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (i->ifa_addr && !(i->ifa_flags & IFF_LOOPBACK)) {
            add_address(local, i->ifa_addr);
        }
    }
    freeifaddrs(list);
    return 0;
}
