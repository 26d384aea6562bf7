/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "latency.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "forward.h"
#include "histogram.h"
#include "ticks.h"

#define STASH 512               /* Frames that the generator has. */
#define WINDOW 384              /* Under way in a closed loop. */
#define FLUSH_S 1.0             /* To wait for the last packets. */
#define OFF_DUE 48              /* Bytes; after Ethernet, IPv4 and UDP. */
#define OFF_RUN 56
#define CDF_POINTS 200

struct generator {
    const struct latency_test *test;
    unsigned n_ports;
    frame stash[STASH];
    unsigned n_stash;
    uint64_t run;               /* Marks the frames of this run. */
    struct moment start;
    double hz;
    double interval;            /* Ticks. */
    double due;                 /* Of the next packet, since 'start'. */
    uint64_t from, until;       /* Packets due then are measured; none is sent
                                 * after that. */
    uint64_t sent, received, measured, starved, foreign;
    struct histogram latency;   /* Ticks. */
};

/* Writes the headers of a UDP packet. */
static void
write_headers(uint8_t *data, unsigned len)
{
    static const uint8_t head[42] = {
        0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00, /* L2 */
        0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0,
        198, 51, 100, 1, 198, 51, 100, 2,                   /* IPv4 */
        0x04, 0x00, 0x00, 0x09, 0, 0, 0, 0,                 /* UDP */
    };
    uint16_t ip_len = htons(len - 14), udp_len = htons(len - 34);
    uint32_t sum = 0;

    memcpy(data, head, sizeof head);
    memcpy(data + 16, &ip_len, sizeof ip_len);
    memcpy(data + 38, &udp_len, sizeof udp_len);
    for (unsigned i = 14; i < 34; i += 2) {
        sum += data[i] << 8 | data[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    data[24] = sum >> 8;
    data[25] = sum;
    memset(data + sizeof head, 0, len - sizeof head);
}

static void
stamp(const struct generator *g, frame *f, uint64_t due)
{
    memcpy(frame_data(f) + OFF_DUE, &due, sizeof due);
    memcpy(frame_data(f) + OFF_RUN, &g->run, sizeof g->run);
}

/* Sends what is due by 'now', up to a burst. */
static void
generate(struct generator *g, uint64_t now)
{
    bool closed = !g->test->rate;
    unsigned n = 0, sent;

    if (now >= g->until) {
        return;
    }
    while (n < BURST && (closed ? g->sent + n - g->received < WINDOW
                                : g->due <= now)) {
        if (n == g->n_stash) {
            g->starved++;
            break;
        }
        stamp(g, &g->stash[g->n_stash - 1 - n], closed ? now : g->due);
        g->due += g->interval;
        n++;
    }
    if (n) {
        frame *first = &g->stash[g->n_stash - n];
        frame burst[BURST];

        for (unsigned i = 0; i < n; i++) {
            burst[i] = first[n - 1 - i];
        }
        sent = ports_send(0, burst, n);
        g->due -= g->interval * (n - sent);
        for (unsigned i = sent; i < n; i++) {
            first[i - sent] = burst[i];
        }
        g->n_stash -= sent;
        g->sent += sent;
    }
}

/* Takes what came back at 'now'. */
static void
collect(struct generator *g)
{
    frame frames[BURST];
    unsigned n = ports_receive(0, frames, BURST);
    uint64_t now = ticks(), due, run;

    for (unsigned i = 0; i < n; i++) {
        uint8_t *data = frame_data(&frames[i]);

        memcpy(&due, data + OFF_DUE, sizeof due);
        memcpy(&run, data + OFF_RUN, sizeof run);
        if (frame_len(&frames[i]) != g->test->len || run != g->run) {
            g->foreign++;
            ports_drop(0, &frames[i], 1);
            continue;
        }
        if (due >= g->from) {
            histogram_add(&g->latency, now - due);
        }
        g->received++;
        g->stash[g->n_stash++] = frames[i];
    }
}

static void
poll_all(struct generator *g)
{
    generate(g, ticks());
    collect(g);
    for (unsigned port = 1; port < g->n_ports; port++) {
        forward_burst(port, false);
    }
}

static double
us(const struct generator *g, uint64_t n)
{
    return n / g->hz * 1e6;
}

static void
print_result(const struct generator *g)
{
    const struct histogram *h = &g->latency;
    double step = 0;
    uint64_t seen = 0;

    printf("latency sent=%"PRIu64" lost=%"PRIu64" starved=%"PRIu64
           " foreign=%"PRIu64" measured=%"PRIu64" rate=%.0f p50=%.2f "
           "p99=%.2f p999=%.2f max=%.2f\n", g->sent, g->sent - g->received,
           g->starved, g->foreign, h->n, h->n / g->test->run_s,
           us(g, histogram_quantile(h, 0.5)),
           us(g, histogram_quantile(h, 0.99)),
           us(g, histogram_quantile(h, 0.999)), us(g, h->max));
    printf("cdf");
    for (unsigned c = 0; c < HISTOGRAM_CLASSES && h->n; c++) {
        seen += h->counts[c];
        if (h->counts[c] && (seen >= step * h->n || seen == h->n)) {
            printf(" %.2f:%.5f", us(g, histogram_top(c)),
                   (double) seen / h->n);
            step = (double) seen / h->n + 1.0 / CDF_POINTS;
        }
    }
    printf("\n");
    fflush(stdout);
}

void
latency_run(const struct latency_test *test, unsigned n_ports)
{
    struct moment before = moment();
    struct generator *g = calloc(1, sizeof *g);
    uint64_t flushed;

    if (!g) {
        abort();
    }
    g->test = test;
    g->n_ports = n_ports;
    ports_alloc(0, g->stash, STASH, test->len);
    g->n_stash = STASH;
    for (unsigned i = 0; i < STASH; i++) {
        write_headers(frame_data(&g->stash[i]), test->len);
    }
    while (clock_ns() - before.ns < 20000000) { /* To know the speed. */
        poll_all(g);
    }
    g->hz = ticks_per_second(&before);
    g->interval = test->rate ? g->hz / test->rate : 0;
    g->start = moment();
    g->run = g->start.ticks;
    g->due = g->start.ticks;
    g->from = g->start.ticks + test->warm_s * g->hz;
    g->until = g->from + test->run_s * g->hz;
    flushed = g->until + FLUSH_S * g->hz;
    while (ticks() < g->until
           || (g->received < g->sent && ticks() < flushed)) {
        poll_all(g);
    }
    print_result(g);
    ports_drop(0, g->stash, g->n_stash);
    free(g);
}
