/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORDS_H
#define WORDS_H 1

/* The single words of a rule: numbers, protocols, ports, prefixes.
 *
 * Each function returns 0, or EINVAL and what is wrong in 'err', without the
 * place; the result is not touched then.
 *
 * Thread-safety: pure functions. */

#include <stdbool.h>
#include <stdint.h>

#include "flow.h"
#include "nf/error.h"

struct ports {
    uint16_t first;
    uint16_t last;              /* At least 'first'. */
};

/* Addresses of one family of which the first bits are given.  The bytes lie
 * as in struct flow_addr. */
struct prefix {
    enum flow_kind family;      /* FLOW_NON_IP: any address of any family. */
    struct flow_addr want;      /* 0 where 'mask' is. */
    struct flow_addr mask;
};

/* Writes a message to 'err', which must not be NULL.  Returns EINVAL. */
int words_error(struct nf_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Parses a decimal number, or a hexadecimal one that starts with "0x", from 0
 * to 'max'.  'what' is what it is, for the message. */
int words_parse_number(const char *word, const char *what, unsigned long max,
                       unsigned long *value, struct nf_error *err);

/* Parses the name or number of an IP protocol; "any" is -1. */
int words_parse_proto(const char *word, int *proto, struct nf_error *err);

/* Parses a port or a range of ports. */
int words_parse_ports(const char *word, struct ports *ports,
                      struct nf_error *err);

/* Parses an address, a prefix or "any". */
int words_parse_prefix(const char *word, struct prefix *prefix,
                       struct nf_error *err);

#endif /* words.h */
