/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
words_error(struct nf_error *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return EINVAL;
}

static bool
is_number(const char *word, unsigned long max, unsigned long *value)
{
    int base = !strncmp(word, "0x", 2) ? 16 : 10;
    unsigned long n;
    char *end;

    if (*word < '0' || *word > '9') {
        return false;           /* strtoul() takes blanks and signs. */
    }
    errno = 0;
    n = strtoul(word, &end, base);
    if (errno || *end || n > max) {
        return false;
    }
    *value = n;
    return true;
}

int
words_parse_number(const char *word, const char *what, unsigned long max,
                   unsigned long *value, struct nf_error *err)
{
    if (!is_number(word, max, value)) {
        return words_error(err, "\"%s\" is not a %s: a number from 0 to %lu",
                           word, what, max);
    }
    return 0;
}

int
words_parse_proto(const char *word, int *proto, struct nf_error *err)
{
    static const struct {
        const char *name;
        int proto;
    } protos[] = {
        { "any", -1 },
        { "icmp", IPPROTO_ICMP },
        { "icmp6", IPPROTO_ICMPV6 },
        { "tcp", IPPROTO_TCP },
        { "udp", IPPROTO_UDP },
        { "sctp", IPPROTO_SCTP },
        { "dccp", IPPROTO_DCCP },
        { "udplite", IPPROTO_UDPLITE },
        { "gre", IPPROTO_GRE },
        { "esp", IPPROTO_ESP },
        { "ah", IPPROTO_AH },
    };
    unsigned long number;

    for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
        if (!strcmp(word, protos[i].name)) {
            *proto = protos[i].proto;
            return 0;
        }
    }
    if (!is_number(word, UINT8_MAX, &number)) {
        return words_error(err, "\"%s\" is not a protocol: a number from 0 to "
                           "255 or any, icmp, icmp6, tcp, udp, sctp, dccp, "
                           "udplite, gre, esp, ah", word);
    }
    *proto = number;
    return 0;
}

int
words_parse_ports(const char *word, struct ports *ports, struct nf_error *err)
{
    char first[8];
    size_t n = strcspn(word, "-");
    const char *last = word[n] ? word + n + 1 : word;
    unsigned long low, high;

    if (n < sizeof first) {
        memcpy(first, word, n);
        first[n] = '\0';
        if (is_number(first, UINT16_MAX, &low)
            && is_number(last, UINT16_MAX, &high) && low <= high) {
            *ports = (struct ports) { low, high };
            return 0;
        }
    }
    return words_error(err, "\"%s\" is not a port or a range of ports such as "
                       "80 or 1024-65535", word);
}

static struct flow_addr
make_mask(unsigned int n_bits)
{
    struct flow_addr mask = { { 0 } };

    for (unsigned int i = 0; i < n_bits; i++) {
        mask.bytes[i / 8] |= 0x80 >> i % 8;
    }
    return mask;
}

/* Complains if 'prefix' wants bits that its mask of 'n_bits' excludes, which
 * is more often a slip than meant. */
static int
check_host_bits(const char *word, const struct prefix *prefix,
                unsigned long n_bits, struct nf_error *err)
{
    char text[INET6_ADDRSTRLEN];
    struct flow_addr fixed;

    for (int i = 0; i < 16; i++) {
        fixed.bytes[i] = prefix->want.bytes[i] & prefix->mask.bytes[i];
    }
    if (!memcmp(&fixed, &prefix->want, sizeof fixed)) {
        return 0;
    }
    inet_ntop(prefix->family == FLOW_IPV4 ? AF_INET : AF_INET6, fixed.bytes,
              text, sizeof text);
    return words_error(err, "\"%s\" has bits set behind the first %lu: "
                       "\"%s/%lu\" is meant?", word, n_bits, text, n_bits);
}

/* Parses 'word' up to a slash.  Returns FLOW_NON_IP if that is no address. */
static enum flow_kind
parse_address(const char *word, struct flow_addr *addr)
{
    char text[INET6_ADDRSTRLEN];
    size_t n = strcspn(word, "/");

    if (n >= sizeof text) {
        return FLOW_NON_IP;
    }
    memcpy(text, word, n);
    text[n] = '\0';
    memset(addr, 0, sizeof *addr);
    return (inet_pton(AF_INET, text, addr->bytes) == 1 ? FLOW_IPV4
            : inet_pton(AF_INET6, text, addr->bytes) == 1 ? FLOW_IPV6
            : FLOW_NON_IP);
}

int
words_parse_prefix(const char *word, struct prefix *prefix,
                   struct nf_error *err)
{
    const char *slash = strchr(word, '/');
    struct prefix p = { .family = FLOW_NON_IP };
    unsigned long n_bits;
    int error;

    if (!strcmp(word, "any")) {
        *prefix = p;
        return 0;
    }
    p.family = parse_address(word, &p.want);
    n_bits = p.family == FLOW_IPV4 ? 32 : 128;
    if (!p.family || (slash && !is_number(slash + 1, n_bits, &n_bits))) {
        return words_error(err, "\"%s\" is not an address or a prefix such as "
                           "10.0.0.0/8 or 2001:db8::/32", word);
    }
    p.mask = make_mask(n_bits);
    error = check_host_bits(word, &p, n_bits, err);
    if (!error) {
        *prefix = p;
    }
    return error;
}
