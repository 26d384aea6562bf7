/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1           /* For F_OFD_SETLK. */

#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Noreturn void
probe_die(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s: %s: %s\n", program_invocation_short_name, name,
            what, strerror(errno));
    exit(1);
}

void
probe_pause(void)
{
    nanosleep(&(struct timespec) { .tv_nsec = 1000 * 1000 }, NULL);
}

uint32_t
probe_number(const char *s)
{
    char *end;
    unsigned long n = strtoul(s, &end, 0);

    if (!*s || *end || n > UINT32_MAX) {
        fprintf(stderr, "%s: %s is no number\n",
                program_invocation_short_name, s);
        exit(2);
    }
    return n;
}

/* Maps 'name' and stores its size and, in '*fdp', its open file. */
static uint8_t *
map_file(const char *name, int *fdp, size_t *size)
{
    int fd = open(name, O_RDWR);
    struct stat st;
    void *p;

    if (fd < 0 || fstat(fd, &st)) {
        probe_die("open", name);
    }
    p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        probe_die("mmap", name);
    }
    *fdp = fd;
    *size = st.st_size;
    return p;
}

/* Requests are numbered from the clock on, so that no two programs that use a
 * port one after the other use the same number. */
static void
init(struct probe *p)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    p->request = now.tv_sec * 1000000 + now.tv_nsec / 1000;
    p->host = (void *) p->ring_file;
    p->nf = (void *) (p->ring_file + VHC_CTRL_NF_OFF);
    memcpy(&p->head, p->ring_file, sizeof p->head);
    memcpy(&p->sb, p->pool_file, sizeof p->sb);
    p->name = program_invocation_short_name;
    p->abi_version = VHC_ABI_VERSION;
    p->n_queues = p->head.n_queues;
}

int
probe_lock(const struct probe *p, short int type, int start, int len)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
    };

    return fcntl(p->ring_fd, F_OFD_SETLK, &lock) ? errno : 0;
}

void
probe_open(struct probe *p, const char *ring, const char *pool, bool lock)
{
    int fd;

    memset(p, 0, sizeof *p);
    p->ring_file = map_file(ring, &p->ring_fd, &p->ring_size);
    p->pool_file = map_file(pool, &fd, &p->pool_size);
    close(fd);
    if (lock && probe_lock(p, F_WRLCK, VHC_LOCK_NF, 1)) {
        probe_die("lock", ring);
    }
    init(p);
    p->features = lock ? VHC_NF_F_LOCK : 0;
}

void
probe_open_devices(struct probe *p)
{
    glob_t found;

    memset(p, 0, sizeof *p);
    if (glob("/sys/bus/pci/devices/*/resource2", 0, NULL, &found)) {
        fprintf(stderr, "%s: no PCI device has a BAR 2\n",
                program_invocation_short_name);
        exit(1);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t size;
        int fd;
        uint8_t *memory = map_file(found.gl_pathv[i], &fd, &size);
        uint64_t magic;

        memcpy(&magic, memory, sizeof magic);
        if (magic == VHC_RING_MAGIC) {
            p->ring_file = memory;
            p->ring_size = size;
            p->ring_fd = fd;
        } else if (magic == VHC_POOL_MAGIC) {
            p->pool_file = memory;
            p->pool_size = size;
        }
    }
    globfree(&found);
    if (!p->ring_file || !p->pool_file) {
        fprintf(stderr, "%s: no PCI device is a ring, or none is a pool\n",
                program_invocation_short_name);
        exit(1);
    }
    init(p);
    p->features = VHC_NF_F_FRAME;
}

struct vhc_ring *
probe_ring(const struct probe *p, uint32_t queue, enum vhc_ring_role role)
{
    size_t i = (size_t) queue * VHC_N_RINGS + role;

    return (struct vhc_ring *) (void *) (p->ring_file + p->head.rings_off
                                         + i * p->head.ring_bytes);
}

uint8_t *
probe_buffer(const struct probe *p, uint32_t id)
{
    uint32_t index = id & ((UINT32_C(1) << p->sb.id_shift) - 1);

    return (p->pool_file + (id >> p->sb.id_shift) * p->sb.page_size
            + (size_t) index * p->sb.stride);
}

void
probe_prepare(struct probe *p)
{
    struct vhc_ctrl_nf *nf = p->nf;

    for (uint32_t q = 0; q < p->head.n_queues; q++) {
        probe_ring(p, q, VHC_RX)->cons = 0;
        probe_ring(p, q, VHC_TX)->prod = 0;
        probe_ring(p, q, VHC_FILL)->cons = 0;
    }
    nf->abi_version = p->abi_version;
    nf->features = p->features;
    nf->n_queues = p->n_queues;
    memcpy(nf->pool_uuid, p->sb.uuid, VHC_UUID_SIZE);
    nf->fill_level = p->fill_level;
    nf->pid = getpid();
    nf->peer_token = p->peer_token;
    memset(nf->reserved0, 0, sizeof nf->reserved0);
    snprintf(nf->name, sizeof nf->name, "%s", p->name);
    nf->need_wakeup = 0;
}

enum vhc_state
probe_request(struct probe *p)
{
    uint32_t size = p->head.ring_size;
    enum vhc_state state;

    p->request++;
    while (!p->request || p->request == p->nf->request
           || p->request == p->host->answer) {
        p->request++;
    }
    __atomic_store_n(&p->nf->request, p->request, __ATOMIC_RELEASE);
    while (__atomic_load_n(&p->host->answer, __ATOMIC_ACQUIRE)
           != p->request) {
        probe_pause();
    }
    state = __atomic_load_n(&p->host->state, __ATOMIC_ACQUIRE);
    for (uint32_t q = 0; state == VHC_ATTACHED && q < p->head.n_queues; q++) {
        vhc_cons_init(&p->rx[q], probe_ring(p, q, VHC_RX), size);
        vhc_prod_init(&p->tx[q], probe_ring(p, q, VHC_TX), size);
        vhc_cons_init(&p->fill[q], probe_ring(p, q, VHC_FILL), size);
    }
    return state;
}

enum vhc_state
probe_attach(struct probe *p)
{
    probe_prepare(p);
    return probe_request(p);
}

bool
probe_is_attached(const struct probe *p)
{
    return (__atomic_load_n(&p->host->state, __ATOMIC_ACQUIRE)
            == VHC_ATTACHED);
}

void
probe_detach(struct probe *p)
{
    __atomic_store_n(&p->nf->request, 0, __ATOMIC_RELEASE);
    while (probe_is_attached(p)) {
        probe_pause();
    }
}

const char *
probe_reason_text(uint32_t reason)
{
    static const char *const texts[] = {
#define VHC_REASON(NAME, TEXT) TEXT,
        VHC_REASONS
#undef VHC_REASON
    };

    return reason < VHC_N_REASONS ? texts[reason] : "?";
}

const char *
probe_reason(const struct probe *p)
{
    return probe_reason_text(__atomic_load_n(&p->host->reason,
                                             __ATOMIC_RELAXED));
}

bool
probe_send(struct probe *p, uint32_t queue, const struct vhc_desc *desc)
{
    while (!vhc_ring_reserve(&p->tx[queue], 1)) {
        if (!probe_is_attached(p)) {
            return false;
        }
        probe_pause();
    }
    vhc_ring_put(&p->tx[queue], 0, desc);
    vhc_ring_submit(&p->tx[queue], 1);
    return true;
}

void
probe_tick(struct probe *p)
{
    __atomic_store_n(&p->nf->tick, p->nf->tick + 1, __ATOMIC_RELAXED);
}
