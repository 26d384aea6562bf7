/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_LOCAL_H
#define NFI_LOCAL_H 1

/* Which frames are for the guest's own kernel, whatever its NF does: those to
 * the MAC address of one of its interfaces, ARP requests for one of its IPv4
 * addresses, and neighbour solicitations for one of its IPv6 addresses.
 * Frames with a VLAN tag are not.
 *
 * Usage
 * -----
 *
 *     struct nfi_local local = { .n_macs = 0 };
 *
 *     nfi_local_read(&local);               (now and then)
 *     if (nfi_local_has(&local, frame, len)) {
 *         hand it to the kernel;
 *     }
 *
 * Thread-safety: one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFI_LOCAL_MAX 64        /* Addresses of a kind; more are ignored. */

struct nfi_local {
    unsigned int n_macs;
    unsigned int n_ipv4;
    unsigned int n_ipv6;
    uint64_t macs[NFI_LOCAL_MAX]; /* As nfi_local_mac() makes them. */
    uint32_t ipv4[NFI_LOCAL_MAX]; /* In network byte order. */
    uint8_t ipv6[NFI_LOCAL_MAX][16];
};

/* Reads the addresses of this machine's interfaces, other than loopback ones,
 * from the kernel.  Returns 0, or the errno of getifaddrs() and leaves the
 * addresses alone. */
int nfi_local_read(struct nfi_local *local);

/* Returns the number that the 6 bytes at 'mac' are in 'macs'. */
uint64_t nfi_local_mac(const uint8_t mac[6]);

/* Returns true if the 'len' bytes at 'frame' are for the kernel.  Others may
 * write to them meanwhile: each byte is read once. */
bool nfi_local_has(const struct nfi_local *local, const uint8_t *frame,
                   size_t len);

#endif /* local.h */
