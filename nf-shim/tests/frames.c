/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "frames.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_LEN 20

static void
put8(struct frame *f, uint8_t value)
{
    f->bytes[f->len++] = value;
}

static void
put16(struct frame *f, uint16_t value)
{
    put8(f, value >> 8);
    put8(f, value);
}

static void
put_zeros(struct frame *f, unsigned int n)
{
    while (n--) {
        put8(f, 0);
    }
}

static void
put_address(struct frame *f, int family, const char *address)
{
    if (inet_pton(family, address, &f->bytes[f->len]) != 1) {
        abort();
    }
    f->len += family == AF_INET ? 4 : 16;
}

static void
put_ipv4(struct frame *f, const struct frame_spec *spec)
{
    unsigned int header_len = 20 + 4 * spec->options;

    put8(f, 0x40 | header_len / 4);
    put8(f, 0);
    put16(f, header_len + PAYLOAD_LEN);
    put16(f, 1);
    put16(f, spec->fragment | (spec->more_fragments ? 0x2000 : 0));
    put8(f, 64);
    put8(f, spec->proto);
    put16(f, 0);
    put_address(f, AF_INET, spec->src);
    put_address(f, AF_INET, spec->dst);
    put_zeros(f, 4 * spec->options);
}

static uint8_t
extension(const struct frame_spec *spec, unsigned int i)
{
    return (spec->has_extensions && spec->extensions[i] != 255
            ? spec->extensions[i] : spec->proto);
}

static void
put_ipv6(struct frame *f, const struct frame_spec *spec)
{
    unsigned int n = 0;

    while (spec->has_extensions && spec->extensions[n] != 255) {
        n++;
    }
    put16(f, 0x6000);
    put16(f, 0);
    put16(f, 16 * n + PAYLOAD_LEN);
    put8(f, extension(spec, 0));
    put8(f, 64);
    put_address(f, AF_INET6, spec->src);
    put_address(f, AF_INET6, spec->dst);
    for (unsigned int i = 0; i < n; i++) {
        uint8_t type = spec->extensions[i];

        put8(f, extension(spec, i + 1));
        if (type == 44) {       /* Two of 8 bytes are one of 16. */
            put8(f, 0);
            put16(f, spec->fragment << 3 | spec->more_fragments);
            put_zeros(f, 4);
            if (spec->fragment) {
                put_zeros(f, 8);
            } else {
                f->bytes[f->len - 8] = 60;
                put8(f, extension(spec, i + 1));
                put_zeros(f, 7);
            }
        } else {
            put8(f, type == 51 ? 2 : 1);
            put_zeros(f, 14);
        }
    }
}

void
frame_make(struct frame *f, const struct frame_spec *spec)
{
    bool ipv6 = spec->src && strchr(spec->src, ':');

    memset(f, 0, sizeof *f);
    put_zeros(f, 12);
    for (unsigned int i = 0; i < spec->n_vlans; i++) {
        put16(f, i + 1 < spec->n_vlans ? 0x88a8 : 0x8100);
        put16(f, 100 + i);
    }
    put16(f, !spec->src ? 0x0806 : ipv6 ? 0x86dd : 0x0800);
    f->ip_off = f->len;
    if (ipv6) {
        put_ipv6(f, spec);
    } else if (spec->src) {
        put_ipv4(f, spec);
    }
    f->l4_off = f->len;
    put16(f, spec->sport);
    put16(f, spec->dport);
    put_zeros(f, PAYLOAD_LEN - 4 + spec->padding);
}
