/* SPDX-License-Identifier: Apache-2.0 */

/* A second implementation of the NF's side, from vhost-chain(7) alone: it
 * includes no header of the project, and each number in it is in that page.
 *
 *     second-nf [-m MARK] [-o COUNT] [-p OFF=VALUE]... RING [RING]
 *
 * Sends packets on, with MARK added to their marks, where they came in or,
 * with two ports, on the other one, until SIGTERM.  With -o it makes COUNT
 * frames of EtherType 0x88b5 first.  VALUE, of 32 bits, is written to offset
 * OFF of the ring file just before the NF asks to attach.  Once detached, it
 * begins anew.  Prints "attached", "refused REASON" and exits with 3, or
 * "detached REASON", and at the end what it did. */

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POOL_MAGIC UINT64_C(0x004c4f4f50434856)
#define RING_MAGIC UINT64_C(0x00474e4952434856)
#define NF 4096                 /* The NF's control block. */
#define MAX_QUEUES 16
#define IDLE_POLLS 200          /* In vain, before it sleeps. */

enum { RX, TX, FILL };
enum { DETACHED, ATTACHED, REFUSED };

struct desc {
    uint32_t buf;
    uint16_t off, len;
    uint32_t mark;
    uint8_t verdict, flags;
    uint16_t reserved;
};

struct file {
    uint8_t *base;
    size_t size;
    int fd;
};

struct port {
    const char *path;
    struct file ring, pool;
    uint32_t n_queues, ring_size, ring_bytes, rings_off;
    uint32_t generation;
    uint32_t mine[MAX_QUEUES][3]; /* My index of each ring. */
    uint32_t sleeps;            /* Number for need_wakeup. */
};

struct nf {
    uint32_t mark, originate, n_pokes;
    struct { int off, value; } pokes[8];
    int n_ports;
    struct port ports[2];
    unsigned long long sent, made, slept, woken;
};

static volatile sig_atomic_t stop;

static void
handle_term(int signo)
{
    (void) signo;
    stop = 1;
}

/* Shared memory. */

static uint32_t
get32(const struct file *f, size_t off)
{
    return atomic_load((_Atomic uint32_t *) (f->base + off));
}

static uint64_t
get64(const struct file *f, size_t off)
{
    return atomic_load((_Atomic uint64_t *) (f->base + off));
}

static void
put32(const struct file *f, size_t off, uint32_t value)
{
    atomic_store((_Atomic uint32_t *) (f->base + off), value);
}

static size_t
ring_at(const struct port *p, uint32_t queue, int ring)
{
    return p->rings_off + (size_t) (3 * queue + ring) * p->ring_bytes;
}

static struct desc *
entry(const struct port *p, size_t ring, uint32_t i)
{
    return (struct desc *) (p->ring.base + ring + 256
                            + 16 * (i % p->ring_size));
}

/* Returns buffer 'id', or NULL if that is none. */
static uint8_t *
buffer(const struct port *p, uint32_t id)
{
    const struct file *f = &p->pool;
    uint64_t page_size = get64(f, 104);
    uint32_t stride = get32(f, 128), shift = get32(f, 132);
    uint64_t page = id >> shift, index = id & ((UINT64_C(1) << shift) - 1);
    uint64_t off = page * page_size + index * stride;

    return (id < get32(f, 136) && index < page_size / stride
            && off >= get64(f, 112) + get64(f, 120)
            && off + stride <= f->size ? f->base + off : NULL);
}

/* Attaching. */

static void
doze(void)
{
    nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
}

static bool
map(struct file *f, const char *path, uint64_t magic, size_t size_at)
{
    struct stat st;
    void *base;

    f->fd = open(path, O_RDWR);
    if (f->fd < 0 || fstat(f->fd, &st) || st.st_size < 8192
        || (base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
                        f->fd, 0)) == MAP_FAILED) {
        return false;
    }
    f->base = base;
    f->size = st.st_size;
    return get64(f, 0) == magic && get32(f, 8) == 1 && get32(f, 12) == 0
           && get64(f, size_at) == f->size;
}

static void
unmap(struct file *f)
{
    if (f->base) {
        munmap(f->base, f->size);
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    *f = (struct file) { .fd = -1 };
}

static bool
read_geometry(struct port *p)
{
    p->n_queues = get32(&p->ring, 24);
    p->ring_size = get32(&p->ring, 28);
    p->ring_bytes = get32(&p->ring, 32);
    p->rings_off = get32(&p->ring, 36);
    return p->n_queues >= 1 && p->n_queues <= MAX_QUEUES && p->ring_size
           && !(p->ring_size & (p->ring_size - 1))
           && p->ring_bytes >= 256 + UINT64_C(16) * p->ring_size
           && ring_at(p, p->n_queues, RX) <= p->ring.size;
}

static bool
map_pool(struct port *p)
{
    const char *slash = strrchr(p->path, '/');
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%.*s/ovs-chain.%.64s",
             slash ? (int) (slash - p->path) : 1, slash ? p->path : ".",
             p->ring.base + 56);
    return map(&p->pool, path, POOL_MAGIC, 96)
           && !strncmp((char *) p->pool.base + 32, (char *) p->ring.base + 56,
                       64)
           && !memcmp(p->pool.base + 16, p->ring.base + 40, 16);
}

static bool
take_lock(struct port *p)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
                          .l_start = 0, .l_len = 1 };

    return !fcntl(p->ring.fd, F_OFD_SETLK, &lock);
}

static void
zero_indices(struct port *p)
{
    for (uint32_t q = 0; q < p->n_queues; q++) {
        put32(&p->ring, ring_at(p, q, RX) + 128, 0);
        put32(&p->ring, ring_at(p, q, TX), 0);
        put32(&p->ring, ring_at(p, q, FILL) + 128, 0);
    }
    memset(p->mine, 0, sizeof p->mine);
}

static void
write_request(const struct nf *nf, struct port *p, uint64_t peer_token)
{
    memset(p->ring.base + NF + 4, 0, 4096 - 4);
    put32(&p->ring, NF + 4, 1);
    put32(&p->ring, NF + 8, 1 << 0 | 1 << 1);
    put32(&p->ring, NF + 12, p->n_queues);
    memcpy(p->ring.base + NF + 16, p->pool.base + 16, 16);
    put32(&p->ring, NF + 32, nf->originate ? 64 : 0);
    put32(&p->ring, NF + 36, getpid());
    memcpy(p->ring.base + NF + 40, &peer_token, 8);
    strcpy((char *) p->ring.base + NF + 64, "second-nf");
    for (uint32_t i = 0; i < nf->n_pokes; i++) {
        put32(&p->ring, nf->pokes[i].off, nf->pokes[i].value);
    }
}

/* Asks to attach, by the number that it returns. */
static uint32_t
request(struct port *p)
{
    struct timespec now;
    uint32_t number;

    clock_gettime(CLOCK_REALTIME, &now);
    number = now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
    put32(&p->ring, NF, number + !number);
    return number + !number;
}

static bool
is_attached(const struct port *p)
{
    return get32(&p->ring, 260) == ATTACHED
           && get32(&p->ring, 268) == p->generation;
}

/* Waits until the u32 at 'off' of the ring file is 'value', or is not, for a
 * quarter of a second. */
static bool
await(const struct port *p, size_t off, uint32_t value, bool equal)
{
    int ms = 0;

    while ((get32(&p->ring, off) == value) != equal && ms++ < 250) {
        doze();
    }
    return ms <= 250;
}

/* Returns true if it is attached, false to try again.  Ends if refused. */
static bool
attach(const struct nf *nf, struct port *p, uint64_t peer_token)
{
    unmap(&p->ring);
    unmap(&p->pool);
    if (!map(&p->ring, p->path, RING_MAGIC, 16) || !read_geometry(p)
        || !map_pool(p) || !take_lock(p)) {
        return false;
    }
    if (get32(&p->ring, 260) == ATTACHED) {
        put32(&p->ring, NF, 0);
        await(p, 260, ATTACHED, false);
    }
    zero_indices(p);
    write_request(nf, p, peer_token);
    if (!await(p, 256, request(p), true)) {
        return false;
    }
    if (get32(&p->ring, 260) == REFUSED) {
        printf("refused %u\n", get32(&p->ring, 264));
        exit(3);
    }
    p->generation = get32(&p->ring, 268);
    if (get32(&p->ring, 272)) {
        mprotect(p->pool.base, p->pool.size, PROT_READ);
    }
    return read_geometry(p) && is_attached(p);
}

/* Takes an entry of a ring of the host's, if there is one. */
static bool
take(struct port *p, uint32_t q, int role, struct desc *d)
{
    size_t ring = ring_at(p, q, role);
    uint32_t *cons = &p->mine[q][role];

    if (get32(&p->ring, ring) == *cons) { /* (A) */
        return false;
    }
    *d = *entry(p, ring, *cons);
    put32(&p->ring, ring + 128, ++*cons); /* (B) */
    return true;
}

static bool
send_desc(struct port *p, uint32_t q, const struct desc *d)
{
    size_t ring = ring_at(p, q, TX);
    uint32_t *prod = &p->mine[q][TX];

    while (*prod - get32(&p->ring, ring + 128) == p->ring_size) { /* (B) */
        if (!is_attached(p)) {
            return false;
        }
        doze();
    }
    *entry(p, ring, *prod) = *d;
    put32(&p->ring, ring, ++*prod); /* (A) */
    return true;
}

/* Sends on what has come in on 'p'.  Returns how much. */
static int
serve(struct nf *nf, struct port *p, struct port *out)
{
    struct desc d;
    int n = 0;

    for (uint32_t q = 0; q < p->n_queues; q++) {
        while (n < 256 && take(p, q, RX, &d)) {
            d.mark += nf->mark;
            nf->sent += send_desc(out, q, &d);
            n++;
        }
    }
    return n;
}

static int
originate(struct nf *nf, struct port *p, struct port *out)
{
    static const char header[] = "\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5";
    struct desc d;
    int n = 0;

    while (nf->made < nf->originate && take(p, 0, FILL, &d)) {
        uint8_t *frame = buffer(p, d.buf);

        if (!frame) {
            printf("buffer %u is none\n", d.buf);
            exit(1);
        }
        frame += d.off;
        memset(frame, 0x5a, 60);
        memcpy(frame, header, 14);
        d.len = 60;
        d.mark = 0;
        nf->made += send_desc(out, 0, &d);
        n++;
    }
    return n;
}

/* With two ports it sleeps on the first one's futex, for a short time. */
static void
sleep_on(struct nf *nf, struct port *p)
{
    uint32_t seq = get32(&p->ring, 384);
    struct timespec timeout = {
        .tv_nsec = nf->n_ports == 1 ? 200000000 : 1000000
    };
    bool work = !is_attached(p);

    p->sleeps += p->sleeps + 1 == 0 ? 2 : 1;
    put32(&p->ring, NF + 128, p->sleeps);
    atomic_thread_fence(memory_order_seq_cst); /* (C) */
    for (uint32_t q = 0; q < p->n_queues; q++) {
        work |= get32(&p->ring, ring_at(p, q, RX)) != p->mine[q][RX];
    }
    if (!work && !stop) {
        nf->slept++;
        syscall(SYS_futex, p->ring.base + 384, FUTEX_WAIT, seq, &timeout,
                NULL, 0);
        nf->woken += get32(&p->ring, 384) != seq;
    }
    put32(&p->ring, NF + 128, 0);
}

static bool
all_attached(const struct nf *nf)
{
    for (int i = 0; i < nf->n_ports; i++) {
        if (!is_attached(&nf->ports[i])) {
            printf("detached %u\n", get32(&nf->ports[i].ring, 264));
            return false;
        }
    }
    return true;
}

static void
run(struct nf *nf)
{
    struct port *ports = nf->ports;
    int last = nf->n_ports - 1, idle = 0;
    uint32_t tick = 0;

    while (!stop && all_attached(nf)) {
        int n = originate(nf, &ports[0], &ports[last]);

        tick++;
        for (int i = 0; i <= last; i++) {
            n += serve(nf, &ports[i], &ports[last - i]);
            put32(&ports[i].ring, NF + 192, tick);
        }
        idle = n ? 0 : idle + 1;
        if (idle > IDLE_POLLS) {
            sleep_on(nf, &ports[0]);
            idle = 0;
        }
    }
}

static void
detach(const struct port *p)
{
    for (uint32_t q = 0; q < p->n_queues && is_attached(p); q++) {
        await(p, ring_at(p, q, TX) + 128, p->mine[q][TX], true);
    }
    put32(&p->ring, NF, 0);
    await(p, 260, ATTACHED, false);
    printf("left %u\n", get32(&p->ring, 264));
}

static void
parse(int argc, char *argv[], struct nf *nf)
{
    int c;

    while ((c = getopt(argc, argv, "m:o:p:")) != -1) {
        if (c == 'm') {
            nf->mark = strtoul(optarg, NULL, 0);
        } else if (c == 'o') {
            nf->originate = strtoul(optarg, NULL, 0);
        } else if (c != 'p' || nf->n_pokes == 8
                   || sscanf(optarg, "%i=%i", &nf->pokes[nf->n_pokes].off,
                             &nf->pokes[nf->n_pokes].value) != 2) {
            exit(2);
        } else {
            nf->n_pokes++;
        }
    }
    nf->n_ports = argc - optind;
    if (nf->n_ports < 1 || nf->n_ports > 2) {
        exit(2);
    }
    for (int i = 0; i < nf->n_ports; i++) {
        nf->ports[i].path = argv[optind + i];
        nf->ports[i].ring.fd = nf->ports[i].pool.fd = -1;
    }
}

static bool
attach_all(struct nf *nf)
{
    return attach(nf, &nf->ports[0], 0)
           && (nf->n_ports == 1
               || attach(nf, &nf->ports[1], get64(&nf->ports[0].ring, 248)));
}

int
main(int argc, char *argv[])
{
    struct nf nf = { 0 };

    parse(argc, argv, &nf);
    signal(SIGTERM, handle_term);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (!stop) {
        if (attach_all(&nf)) {
            puts("attached");
            run(&nf);
        } else {
            doze();
        }
    }
    for (int i = 0; i < nf.n_ports; i++) {
        if (nf.ports[i].ring.base) {
            detach(&nf.ports[i]);
        }
    }
    printf("sent %llu made %llu slept %llu woken %llu\n", nf.sent, nf.made,
           nf.slept, nf.woken);
    return 0;
}
