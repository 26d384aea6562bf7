/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "traffic.h"

#include <string.h>

/* A frame:  Ethernet, IPv4, UDP, then these, then bytes without a meaning. */
#define IP_OFF 14
#define UDP_OFF 34
#define ID_OFF 42               /* 2 bytes, number of the stream. */
#define NUMBER_OFF 44           /* 8 bytes. */
#define SUM_OFF 52              /* 8 bytes. */
#define REST_OFF 60
#define N_SPORTS 64             /* UDP source ports of a stream. */

_Static_assert(REST_OFF == TRAFFIC_MIN, "the shortest frame has no more");

/* Ethernet addresses, EtherType and the constant part of an IPv4 header, from
 * 198.51.100.1 to 198.51.100.2. */
static const uint8_t head[UDP_OFF] = {
    0x02, 0x00, 0x00, 0xc0, 0xff, 0x00, 0x02, 0x00, 0x00, 0xc0, 0xff, 0xee,
    0x08, 0x00,
    0x45, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x11, 0x00, 0x00,
    198, 51, 100, 1, 198, 51, 100, 2,
};

/* For each 'word' a bijection of 'h', and the other way round. */
static uint64_t
mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t
mix_bytes(uint64_t h, const uint8_t *p, size_t len)
{
    uint64_t word;

    for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
        memcpy(&word, p, sizeof word);
        h = mix(h, word);
    }
    if (len) {
        word = 0;
        memcpy(&word, p, len);
        h = mix(h, word);
    }
    return h;
}

/* Of all bytes but the sum's own, and of their number. */
static uint64_t
checksum(const uint8_t *frame, size_t len)
{
    uint64_t h = mix_bytes(len, frame, SUM_OFF);

    return mix_bytes(h, frame + REST_OFF, len - REST_OFF);
}

static void
put_be16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value & 0xff;
}

static void
put_ip_checksum(uint8_t *ip)
{
    uint32_t sum = 0;

    for (int i = 0; i < UDP_OFF - IP_OFF; i += 2) {
        sum += ip[i] << 8 | ip[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    put_be16(ip + 10, ~((sum & 0xffff) + (sum >> 16)));
}

size_t
traffic_len(uint32_t id, uint64_t number)
{
    return (TRAFFIC_MIN
            + (mix(id, number) >> 32) % (TRAFFIC_MAX - TRAFFIC_MIN + 1));
}

uint32_t
traffic_room(const struct traffic_stream *stream)
{
    uint32_t n = traffic_under_way(stream);
    uint64_t kept = stream->next - stream->base;

    /* One packet that is late keeps all after it in 'seen'. */
    return (n < stream->window && kept < TRAFFIC_WINDOW
            ? (stream->window - n < TRAFFIC_WINDOW - kept
               ? stream->window - n : TRAFFIC_WINDOW - kept)
            : 0);
}

void
traffic_make(struct traffic_stream *stream, uint32_t id, uint8_t *frame)
{
    uint64_t number = stream->next++;
    size_t len = traffic_len(id, number);
    uint64_t noise = mix(id, number);
    uint16_t id16 = id;
    uint64_t sum;

    memcpy(frame, head, sizeof head);
    put_be16(frame + IP_OFF + 2, len - IP_OFF);
    put_be16(frame + IP_OFF + 4, number & 0xffff);
    put_ip_checksum(frame + IP_OFF);
    put_be16(frame + UDP_OFF, 1024 + number % N_SPORTS);
    put_be16(frame + UDP_OFF + 2, TRAFFIC_PORT + id);
    put_be16(frame + UDP_OFF + 4, len - UDP_OFF);
    put_be16(frame + UDP_OFF + 6, 0);
    memcpy(frame + ID_OFF, &id16, sizeof id16);
    memcpy(frame + NUMBER_OFF, &number, sizeof number);
    for (size_t i = REST_OFF; i < len; i += sizeof noise) {
        noise = mix(noise, i);
        memcpy(frame + i, &noise,
               len - i < sizeof noise ? len - i : sizeof noise);
    }
    sum = checksum(frame, len);
    memcpy(frame + SUM_OFF, &sum, sizeof sum);
}

/* Marks the numbers that a packet with a higher one has overtaken as missing,
 * and moves 'base' past those that arrived. */
static void
note(struct traffic_stream *stream, uint64_t number)
{
    if (number < stream->high) {
        stream->reordered++;
    }
    for (; stream->high <= number; stream->high++) {
        stream->seen[stream->high % TRAFFIC_WINDOW] = 0;
    }
    stream->seen[number % TRAFFIC_WINDOW] = 1;
    while (stream->base < stream->high
           && stream->seen[stream->base % TRAFFIC_WINDOW]) {
        stream->base++;
    }
}

enum traffic_verdict
traffic_take(struct traffic_stream *streams, uint32_t n_streams,
             const uint8_t *frame, size_t len)
{
    struct traffic_stream *stream;
    uint64_t number, sum;
    uint16_t id;

    if (len < TRAFFIC_MIN || len > TRAFFIC_MAX) {
        return TRAFFIC_CORRUPTED;
    }
    memcpy(&id, frame + ID_OFF, sizeof id);
    memcpy(&number, frame + NUMBER_OFF, sizeof number);
    memcpy(&sum, frame + SUM_OFF, sizeof sum);
    if (sum != checksum(frame, len) || id >= n_streams
        || number >= streams[id].next || len != traffic_len(id, number)) {
        return TRAFFIC_CORRUPTED;
    }

    stream = &streams[id];
    if (number < stream->base
        || (number < stream->high && stream->seen[number % TRAFFIC_WINDOW])) {
        stream->duplicated++;
        return TRAFFIC_DUPLICATED;
    }
    note(stream, number);
    stream->received++;
    stream->bytes += len;
    return TRAFFIC_GOOD;
}

void
traffic_give_up(struct traffic_stream *stream)
{
    stream->lost += traffic_under_way(stream);
    stream->base = stream->high = stream->next;
}
