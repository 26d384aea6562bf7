/* SPDX-License-Identifier: Apache-2.0 */

/* An NF for tests, which speaks the protocol of vhost-chain(7) by hand so that
 * it can also break it.
 *
 *     nf-probe [OPTION]... [RING_FILE POOL_FILE]
 *
 * In a guest it takes no files, but the only port among the PCI devices.
 *
 * Without an option that says otherwise it sends each packet back, unchanged,
 * until it is killed.  It prints "attached", or "refused: REASON" and exits
 * with 3, or "detached: REASON" and exits with 4. */

#define _GNU_SOURCE 1           /* For F_OFD_SETLK. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vhc/ring.h"

#define EXIT_REFUSED 3
#define EXIT_DETACHED 4
#define MAX_HELD 4096

/* What to break in a descriptor, by the name of the counter that must say so.
 */
#define DEFECTS                                                             \
    DEFECT(bad_buffer, d->buf = UINT32_MAX)                                 \
    DEFECT(not_owner, d->buf = other)                                       \
    DEFECT(reserved, d->reserved = 1)                                       \
    DEFECT(flags, d->flags = 1)                                             \
    DEFECT(bad_verdict, d->verdict = VHC_N_VERDICTS)                        \
    DEFECT(no_local, d->verdict = VHC_LOCAL)                                \
    DEFECT(by_nf, d->verdict = VHC_DROP)                                    \
    DEFECT(rx_short, d->len = VHC_MIN_FRAME - 1)                            \
    DEFECT(rx_long, d->len = UINT16_MAX)                                    \
    DEFECT(outside, d->off = UINT16_MAX)

struct probe {
    uint8_t *ring_file;
    uint8_t *pool_file;
    const struct vhc_ctrl_host *host;
    struct vhc_ctrl_nf *nf;
    struct vhc_cons rx;
    struct vhc_prod tx;
    uint32_t request;

    /* What the options say. */
    uint32_t abi_version;
    uint32_t n_queues;
    uint32_t features;
    bool wrong_pool;
    bool reserved;
    bool dirty_index;           /* Leave a ring index other than 0. */
    bool hold;                  /* Send nothing back until SIGUSR1. */
    bool corrupt;               /* Make a ring index impossible. */
    bool print;                 /* Print each packet's mark. */
    bool push;                  /* Move the data to the buffer's start. */
    const char *defect;         /* Name in DEFECTS. */
    uint32_t mark;              /* Added to each packet's mark. */

    struct vhc_desc held[MAX_HELD]; /* By 'hold'; the first of more. */
    unsigned int n_held;
};

static volatile sig_atomic_t let_go; /* SIGUSR1 came. */

static void
handle_usr1(int signo)
{
    (void) signo;
    let_go = 1;
}

static void
die(const char *what, const char *name)
{
    fprintf(stderr, "nf-probe: %s: %s: %s\n", name, what, strerror(errno));
    exit(1);
}

static void
pause_1ms(void)
{
    nanosleep(&(struct timespec) { .tv_nsec = 1000 * 1000 }, NULL);
}

static uint8_t *
map_file(const char *name, bool lock)
{
    struct flock whole = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET,
        .l_start = VHC_LOCK_NF, .l_len = 1,
    };
    int fd = open(name, O_RDWR);
    struct stat st;
    void *p;

    if (fd < 0 || fstat(fd, &st)) {
        die("open", name);
    }
    if (lock && fcntl(fd, F_OFD_SETLK, &whole)) {
        die("lock", name);
    }
    p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        die("mmap", name);
    }
    return p;               /* The file stays open: it holds the lock. */
}

/* Maps what the guest's PCI devices show.  The switch sees no lock of a
 * guest's. */
static void
map_devices(struct probe *probe)
{
    glob_t found;

    if (glob("/sys/bus/pci/devices/*/resource2", 0, NULL, &found)) {
        fputs("nf-probe: no PCI device has a BAR 2\n", stderr);
        exit(1);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        uint8_t *memory = map_file(found.gl_pathv[i], false);
        uint64_t magic;

        memcpy(&magic, memory, sizeof magic);
        if (magic == VHC_RING_MAGIC) {
            probe->ring_file = memory;
        } else if (magic == VHC_POOL_MAGIC) {
            probe->pool_file = memory;
        }
    }
    globfree(&found);
    if (!probe->ring_file || !probe->pool_file) {
        fputs("nf-probe: no PCI device is a ring, or none is a pool\n",
              stderr);
        exit(1);
    }
    probe->features = VHC_NF_F_FRAME;
}

static struct vhc_ring *
ring(const struct probe *probe, enum vhc_ring_role role)
{
    return (struct vhc_ring *) (void *) (probe->ring_file
                                         + probe->host->rings_off
                                         + role * probe->host->ring_bytes);
}

static void
zero_indices(const struct probe *probe)
{
    for (uint32_t q = 0; q < probe->host->n_queues; q++) {
        for (int role = 0; role < VHC_N_RINGS; role++) {
            struct vhc_ring *r = ring(probe, q * VHC_N_RINGS + role);

            if (role == VHC_TX) {
                r->prod = probe->dirty_index ? 7 : 0;
            } else {
                r->cons = 0;
            }
        }
    }
}

static void
request(struct probe *probe)
{
    const struct vhc_pool_sb *sb = (const void *) probe->pool_file;
    struct vhc_ctrl_nf *nf = probe->nf;

    zero_indices(probe);
    nf->abi_version = probe->abi_version;
    nf->features = probe->features;
    nf->n_queues = probe->n_queues ? probe->n_queues : probe->host->n_queues;
    memcpy(nf->pool_uuid, sb->uuid, VHC_UUID_SIZE);
    nf->pool_uuid[0] ^= probe->wrong_pool;
    nf->fill_level = 0;
    nf->pid = getpid();
    nf->peer_token = 0;
    nf->reserved0[0] = probe->reserved;
    snprintf(nf->name, sizeof nf->name, "nf-probe");
    nf->need_wakeup = 0;

    probe->request = nf->request + 1;
    while (!probe->request || probe->request == probe->host->answer) {
        probe->request++;
    }
    __atomic_store_n(&nf->request, probe->request, __ATOMIC_RELEASE);
    while (__atomic_load_n(&probe->host->answer, __ATOMIC_ACQUIRE)
           != probe->request) {
        pause_1ms();
    }
}

static const char *
reason_text(uint32_t reason)
{
    static const char *const texts[] = {
#define VHC_REASON(NAME, TEXT) TEXT,
        VHC_REASONS
#undef VHC_REASON
    };

    return reason < VHC_N_REASONS ? texts[reason] : "?";
}

static void
attach(struct probe *probe)
{
    uint32_t state;

    request(probe);
    state = __atomic_load_n(&probe->host->state, __ATOMIC_ACQUIRE);
    if (state != VHC_ATTACHED) {
        printf("refused: %s\n", reason_text(probe->host->reason));
        exit(EXIT_REFUSED);
    }
    vhc_cons_init(&probe->rx, ring(probe, VHC_RX), probe->host->ring_size);
    vhc_prod_init(&probe->tx, ring(probe, VHC_TX), probe->host->ring_size);
    puts("attached");
}

/* Breaks '*d' as --defect says.  Returns false for a name not in DEFECTS. */
static bool
break_desc(const char *defect, struct vhc_desc *d, uint32_t other)
{
    (void) other;
#define DEFECT(NAME, BREAK)                     \
    if (!strcmp(defect, #NAME)) {               \
        BREAK;                                  \
        return true;                            \
    }
    DEFECTS
#undef DEFECT
    return false;
}

/* Returns a buffer that is not the port's: half the pool away from 'buf',
 * which is far from where the pool takes the next buffers from. */
static uint32_t
other_buffer(const struct probe *probe, uint32_t buf)
{
    const struct vhc_pool_sb *sb = (const void *) probe->pool_file;
    uint32_t half = sb->n_ids >> sb->id_shift >> 1 << sb->id_shift;

    return buf >= half ? buf - half : buf + half;
}

/* Moves the frame to the start of its buffer, as if a header had been pushed
 * that takes all the room there is. */
static void
push(const struct probe *probe, struct vhc_desc *d)
{
    const struct vhc_pool_sb *sb = (const void *) probe->pool_file;
    uint32_t index = d->buf & ((1u << sb->id_shift) - 1);
    uint8_t *buffer = (probe->pool_file
                       + (size_t) (d->buf >> sb->id_shift) * sb->page_size
                       + (size_t) index * sb->stride);

    memmove(buffer, buffer + d->off, d->len);
    d->off = 0;
}

static void
send_back(struct probe *probe, struct vhc_desc d)
{
    if (probe->print) {
        printf("mark 0x%08x len %u\n", d.mark, d.len);
    }
    if (probe->hold) {
        if (probe->n_held < MAX_HELD) {
            probe->held[probe->n_held++] = d;
        }
        return;
    }
    d.mark += probe->mark;
    if (probe->push) {
        push(probe, &d);
    }
    if (probe->defect) {
        /* Whoever breaks a reference to another buffer still has this one, and
         * gives it back after that. */
        struct vhc_desc broken = d;

        break_desc(probe->defect, &broken, other_buffer(probe, d.buf));
        while (!vhc_ring_reserve(&probe->tx, 1)) {
            pause_1ms();
        }
        vhc_ring_put(&probe->tx, 0, &broken);
        vhc_ring_submit(&probe->tx, 1);
        if (broken.buf == d.buf) {
            return;
        }
    }
    while (!vhc_ring_reserve(&probe->tx, 1)) {
        pause_1ms();
    }
    vhc_ring_put(&probe->tx, 0, &d);
    vhc_ring_submit(&probe->tx, 1);
}

static void
send_held(struct probe *probe)
{
    probe->hold = false;
    for (unsigned int i = 0; i < probe->n_held; i++) {
        send_back(probe, probe->held[i]);
    }
    probe->n_held = 0;
}

static void
run(struct probe *probe)
{
    if (probe->corrupt) {
        __atomic_store_n(&probe->tx.ring->prod, probe->tx.size + 1,
                         __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&probe->host->state, __ATOMIC_ACQUIRE)
           == VHC_ATTACHED) {
        if (probe->hold && let_go) {
            send_held(probe);
        }
        if (vhc_ring_peek(&probe->rx, 1)) {
            send_back(probe, vhc_ring_get(&probe->rx, 0));
            vhc_ring_release(&probe->rx, 1);
        } else {
            fflush(stdout);
            pause_1ms();
        }
        __atomic_store_n(&probe->nf->tick, probe->nf->tick + 1,
                         __ATOMIC_RELAXED);
    }
    printf("detached: %s\n", reason_text(probe->host->reason));
    exit(EXIT_DETACHED);
}

static uint32_t
number(const char *s)
{
    char *end;
    unsigned long n = strtoul(s, &end, 0);

    if (!*s || *end || n > UINT32_MAX) {
        fprintf(stderr, "nf-probe: %s is no number\n", s);
        exit(2);
    }
    return n;
}

static void
parse(int argc, char *argv[], struct probe *probe)
{
    static const struct option options[] = {
        { "abi", required_argument, NULL, 'a' },
        { "queues", required_argument, NULL, 'q' },
        { "features", required_argument, NULL, 'f' },
        { "wrong-pool", no_argument, NULL, 'w' },
        { "reserved", no_argument, NULL, 'r' },
        { "dirty-index", no_argument, NULL, 'i' },
        { "hold", no_argument, NULL, 'h' },
        { "corrupt", no_argument, NULL, 'c' },
        { "print", no_argument, NULL, 'p' },
        { "push", no_argument, NULL, 'u' },
        { "defect", required_argument, NULL, 'd' },
        { "mark", required_argument, NULL, 'm' },
        { NULL, 0, NULL, 0 },
    };
    struct vhc_desc unused;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'a': probe->abi_version = number(optarg); break;
        case 'q': probe->n_queues = number(optarg); break;
        case 'f': probe->features = number(optarg); break;
        case 'w': probe->wrong_pool = true; break;
        case 'r': probe->reserved = true; break;
        case 'i': probe->dirty_index = true; break;
        case 'h': probe->hold = true; break;
        case 'c': probe->corrupt = true; break;
        case 'p': probe->print = true; break;
        case 'u': probe->push = true; break;
        case 'd': probe->defect = optarg; break;
        case 'm': probe->mark = number(optarg); break;
        default: exit(2);
        }
    }
    if ((argc != optind && argc - optind != 2)
        || (probe->defect && !break_desc(probe->defect, &unused, 0))) {
        fputs("usage: nf-probe [OPTION]... [RING_FILE POOL_FILE]\n", stderr);
        exit(2);
    }
}

int
main(int argc, char *argv[])
{
    static struct probe probe = {
        .abi_version = VHC_ABI_VERSION,
        .features = VHC_NF_F_LOCK,
    };

    parse(argc, argv, &probe);
    signal(SIGUSR1, handle_usr1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (optind < argc) {
        probe.ring_file = map_file(argv[optind], true);
        probe.pool_file = map_file(argv[optind + 1], false);
    } else {
        map_devices(&probe);
    }
    probe.host = (const void *) probe.ring_file;
    probe.nf = (void *) (probe.ring_file + VHC_CTRL_NF_OFF);
    attach(&probe);
    run(&probe);
}
