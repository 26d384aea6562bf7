/* SPDX-License-Identifier: Apache-2.0 */

/* Both ends of traffic through a switch, as an NF with two ports: originates
 * packets on one and looks at each that comes back on the other.
 *
 *     nf-traffic [--windows N,N...] [--rate N] SOURCE SINK
 *
 * Each N of --windows is a stream, and how many of its packets may be under
 * way.  The source waits for the sink, so that nothing is lost for want of
 * room.  It prints a line a second on stderr.
 *
 * On stdin it takes these commands, a line each, and answers each with a line
 * of JSON on stdout:
 *
 *     status      say how things are
 *     rate N      send N packets a second at most; 0: as many as can be
 *     pause, go   stop to send, and begin again
 *     arm         note when the next packet arrives
 *     give-up     take what is under way for lost
 *     quit        leave both ports and end
 *
 * The end of stdin is "quit". */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nf/shim.h>

#include "traffic.h"

#define NAME "nf-traffic"
#define MAX_STREAMS 8
#define FILL_LEVEL 128
#define TIMEOUT_MS 200          /* Of an attempt to attach. */
#define RETRY_NS 20000000       /* Between two attempts. */
#define LOOK_NS 1000000         /* Between looks at stdin and at the ports. */
#define NAP_US 500              /* Longest sleep. */
#define SECOND UINT64_C(1000000000)

struct end {
    const char *ring;           /* Its file. */
    uint32_t fill_level;
    struct nf_port *port;       /* NULL: not attached. */
    unsigned int attachments;
    uint64_t retry_ns;          /* When to try again. */
    struct nf_error said;       /* Last, about why it is not. */
};

struct traffic {
    struct end source, sink;
    struct traffic_stream streams[MAX_STREAMS];
    unsigned int n_streams;
    unsigned int turn;          /* The stream that is first to send. */
    struct nf_packet out[NF_BURST]; /* To be sent by the source. */
    unsigned int n_out;
    struct nf_packet back[NF_BURST]; /* To be given back by the sink. */
    unsigned int n_back;

    bool stop, paused;
    uint64_t rate;              /* Packets a second; 0: any number. */
    uint64_t allowed;           /* Packets that 'rate' allows now... */
    uint64_t paced_ns;          /* ...since then. */

    uint64_t look_ns;           /* When to look at stdin again. */
    uint64_t said_ns;           /* When the last line was printed. */
    uint64_t last_ns;           /* When the last packet arrived. */
    bool armed;
    uint64_t before_ns;         /* When the last before "arm" arrived... */
    uint64_t first_ns;          /* ...and the first after it, or 0. */
    uint64_t corrupted;

    char line[128];             /* A command, so far. */
    size_t n_line;
};

static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

/* Ports. */

static void
attach(struct end *end, uint64_t now)
{
    const struct nf_port_options options = {
        .name = NAME,
        .fill_level = end->fill_level,
        .timeout_ms = TIMEOUT_MS,
    };
    struct nf_error err;

    if (now < end->retry_ns) {
        return;
    }
    if (!nf_port_open(end->ring, &options, &end->port, &err)) {
        end->attachments++;
        end->said.text[0] = '\0';
        fprintf(stderr, NAME": attached to %s\n",
                nf_port_info(end->port)->port);
        return;
    }
    end->retry_ns = now_ns() + RETRY_NS;
    if (strcmp(err.text, end->said.text)) {
        fprintf(stderr, NAME": waiting: %s\n", err.text);
        end->said = err;
    }
}

/* Lets go of a port from which the switch detached this NF, with what it had
 * in hand there, '*n_held' packets, and attaches again. */
static void
keep_attached(struct end *end, unsigned int *n_held, uint64_t now)
{
    struct nf_error err;

    if (end->port && nf_port_status(end->port, &err)) {
        fprintf(stderr, NAME": detached: %s\n", err.text);
        nf_port_close(end->port);
        end->port = NULL;
        *n_held = 0;
    }
    if (!end->port) {
        attach(end, now);
    }
}

/* Sends the first of '*n' packets, and moves up the rest.  Returns how many
 * went. */
static unsigned int
flush(struct end *end, struct nf_packet *packets, unsigned int *n)
{
    unsigned int sent = nf_port_send(end->port, 0, packets, *n);

    *n -= sent;
    memmove(packets, packets + sent, *n * sizeof *packets);
    return sent;
}

/* The source. */

static void
pace(struct traffic *t, uint64_t now)
{
    uint64_t earned;

    if (!t->rate) {
        t->allowed = NF_BURST;
        t->paced_ns = now;
        return;
    }
    earned = (now - t->paced_ns) * t->rate / SECOND;
    if (earned) {
        t->allowed = (t->allowed + earned < NF_BURST ? t->allowed + earned
                      : NF_BURST);
        t->paced_ns = now;
    }
}

static void
make(struct traffic *t, unsigned int id, struct nf_packet *p)
{
    size_t len = traffic_next_len(&t->streams[id], id);

    if (!nf_packet_append(p, len)) {
        fputs(NAME": a buffer of the source has no room\n", stderr);
        exit(EXIT_FAILURE);
    }
    traffic_make(&t->streams[id], id, p->data);
}

static bool
originate(struct traffic *t, uint64_t now)
{
    if (!t->source.port) {
        return false;
    }
    if (!t->n_out && !t->paused) {
        pace(t, now);
        for (unsigned int i = 0; i < t->n_streams; i++) {
            unsigned int id = (t->turn + i) % t->n_streams;
            uint32_t n = traffic_room(&t->streams[id]);

            n = n < t->allowed ? n : t->allowed;
            n = n < NF_BURST - t->n_out ? n : NF_BURST - t->n_out;
            n = nf_port_alloc(t->source.port, 0, &t->out[t->n_out], n);
            for (unsigned int j = 0; j < n; j++) {
                make(t, id, &t->out[t->n_out++]);
            }
            t->allowed -= n;
        }
        t->turn++;
    }
    return t->n_out && flush(&t->source, t->out, &t->n_out);
}

/* The sink. */

static void
report_corrupted(struct traffic *t, const struct nf_packet *p)
{
    if (t->corrupted++ < 20) {  /* Enough to see what is wrong. */
        fprintf(stderr, NAME": corrupted: buffer %"PRIu32" off %u:",
                p->desc.buf, p->desc.off);
        for (uint32_t i = 0; i < nf_packet_len(p); i++) {
            fprintf(stderr, "%s%02x", i % 4 ? "" : " ", p->data[i]);
        }
        fputc('\n', stderr);
    }
}

static bool
collect(struct traffic *t, uint64_t now)
{
    bool busy;
    unsigned int n;

    if (!t->sink.port) {
        return false;
    }
    busy = t->n_back && flush(&t->sink, t->back, &t->n_back);
    if (t->n_back) {
        return busy;
    }
    n = nf_port_receive(t->sink.port, 0, t->back, NF_BURST);
    for (unsigned int i = 0; i < n; i++) {
        struct nf_packet *p = &t->back[i];

        if (traffic_take(t->streams, t->n_streams, p->data, nf_packet_len(p))
            == TRAFFIC_CORRUPTED) {
            report_corrupted(t, p);
        }
        nf_packet_set_verdict(p, VHC_DROP);
    }
    if (n) {
        if (t->armed) {
            t->armed = false;
            t->first_ns = now;
        }
        t->last_ns = now;
        t->n_back = n;
        flush(&t->sink, t->back, &t->n_back);
    }
    return busy || n;
}

/* Commands. */

static void
answer(const struct traffic *t)
{
    printf("{\"source\": %u, \"sink\": %u, \"unsent\": %u, \"unreturned\": %u,"
           " \"now_ns\": %"PRIu64", \"last_ns\": %"PRIu64", "
           "\"before_ns\": %"PRIu64", \"first_ns\": %"PRIu64", "
           "\"corrupted\": %"PRIu64", \"streams\": [",
           t->source.port ? t->source.attachments : 0,
           t->sink.port ? t->sink.attachments : 0, t->n_out, t->n_back,
           now_ns(), t->last_ns, t->before_ns, t->first_ns, t->corrupted);
    for (unsigned int i = 0; i < t->n_streams; i++) {
        const struct traffic_stream *s = &t->streams[i];

        printf("%s{\"sent\": %"PRIu64", \"received\": %"PRIu64", "
               "\"bytes\": %"PRIu64", \"under_way\": %"PRIu32", "
               "\"reordered\": %"PRIu64", \"duplicated\": %"PRIu64", "
               "\"lost\": %"PRIu64"}", i ? ", " : "", s->next, s->received,
               s->bytes, traffic_under_way(s), s->reordered, s->duplicated,
               s->lost);
    }
    puts("]}");
    fflush(stdout);
}

static void
obey(struct traffic *t, const char *command)
{
    if (!strncmp(command, "rate ", 5)) {
        t->rate = strtoull(command + 5, NULL, 10);
        t->allowed = 0;
        t->paced_ns = now_ns();
    } else if (!strcmp(command, "pause")) {
        t->paused = true;
    } else if (!strcmp(command, "go")) {
        t->paused = false;
    } else if (!strcmp(command, "arm")) {
        t->armed = true;
        t->before_ns = t->last_ns;
        t->first_ns = 0;
    } else if (!strcmp(command, "give-up")) {
        for (unsigned int i = 0; i < t->n_streams; i++) {
            traffic_give_up(&t->streams[i]);
        }
    } else if (!strcmp(command, "quit")) {
        t->stop = true;
    } else if (strcmp(command, "status")) {
        fprintf(stderr, NAME": no command \"%s\"\n", command);
        exit(EXIT_FAILURE);
    }
    answer(t);
}

static void
read_commands(struct traffic *t)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
    char *end;
    ssize_t n;

    if (poll(&fd, 1, 0) <= 0) {
        return;
    }
    n = read(STDIN_FILENO, t->line + t->n_line,
             sizeof t->line - 1 - t->n_line);
    if (n <= 0) {
        t->stop = true;
        return;
    }
    t->n_line += n;
    t->line[t->n_line] = '\0';
    while ((end = strchr(t->line, '\n'))) {
        *end++ = '\0';
        obey(t, t->line);
        t->n_line -= end - t->line;
        memmove(t->line, end, t->n_line + 1);
    }
}

static void
say_second(struct traffic *t)
{
    uint64_t sent = 0, received = 0, lost = 0, duplicated = 0, reordered = 0;

    for (unsigned int i = 0; i < t->n_streams; i++) {
        const struct traffic_stream *s = &t->streams[i];

        sent += s->next;
        received += s->received;
        lost += s->lost;
        duplicated += s->duplicated;
        reordered += s->reordered;
    }
    fprintf(stderr, NAME": %"PRIu64" sent, %"PRIu64" received, %"PRIu64
            " lost, %"PRIu64" corrupted, %"PRIu64" duplicated, %"PRIu64
            " reordered%s\n", sent, received, lost, t->corrupted, duplicated,
            reordered, t->paused ? ", paused" : "");
}

/* What is done now and then. */
static void
look(struct traffic *t, uint64_t now)
{
    t->look_ns = now + LOOK_NS;
    keep_attached(&t->source, &t->n_out, now);
    keep_attached(&t->sink, &t->n_back, now);
    read_commands(t);
    if (now - t->said_ns >= SECOND) {
        t->said_ns = now;
        say_second(t);
    }
}

static void
nap(struct traffic *t)
{
    if (t->sink.port && !t->n_back) {
        nf_wait(&t->sink.port, 1, NAP_US);
    } else {
        usleep(NAP_US);
    }
}

static void
run(struct traffic *t)
{
    t->said_ns = now_ns();
    while (!t->stop) {
        uint64_t now = now_ns();
        bool busy = originate(t, now);

        busy |= collect(t, now);
        if (now >= t->look_ns) {
            look(t, now);
        } else if (!busy) {
            nap(t);
        }
    }
    nf_port_close(t->source.port);
    nf_port_close(t->sink.port);
    say_second(t);
}

static bool
parse_windows(struct traffic *t, const char *arg)
{
    char *end;

    for (t->n_streams = 0; t->n_streams < MAX_STREAMS; arg = end + 1) {
        unsigned long n = strtoul(arg, &end, 10);

        if (end == arg || !n || n > TRAFFIC_WINDOW
            || (*end && *end != ',')) {
            return false;
        }
        t->streams[t->n_streams++].window = n;
        if (!*end) {
            return true;
        }
    }
    return false;
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "windows", required_argument, NULL, 'w' },
        { "rate", required_argument, NULL, 'r' },
        { NULL, 0, NULL, 0 },
    };
    static struct traffic t = { .source.fill_level = FILL_LEVEL };
    bool good = parse_windows(&t, "256");
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'w': good &= parse_windows(&t, optarg); break;
        case 'r': t.rate = strtoull(optarg, NULL, 10); break;
        default: good = false;
        }
    }
    if (!good || argc - optind != 2) {
        fprintf(stderr, "usage: "NAME" [--windows N,N...] [--rate N] SOURCE "
                "SINK, with up to %d windows of 1 to %d packets\n",
                MAX_STREAMS, TRAFFIC_WINDOW);
        return 2;
    }
    t.source.ring = argv[optind];
    t.sink.ring = argv[optind + 1];
    t.paced_ns = now_ns();
    run(&t);
    return 0;
}
