/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "fake-host.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING_FILE_SIZE 16384
#define RING_BYTES (256 + 16 * FAKE_RING_SIZE)
#define AWAIT_NAP_US 50
#define AWAIT_NAPS 40000

_Static_assert(VHC_RINGS_OFF + FAKE_QUEUES * VHC_N_RINGS * RING_BYTES
               <= RING_FILE_SIZE, "the rings must fit");

static void
check(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

static void *
create_file(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    void *p;

    check(fd >= 0 && !ftruncate(fd, size), path);
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(p != MAP_FAILED, path);
    close(fd);
    return p;
}

static void
create_pool(struct fake_host *h, const char *name)
{
    static unsigned int n_pools;
    struct vhc_pool_sb *sb = create_file(h->pool_path, FAKE_POOL_SIZE);

    *sb = (struct vhc_pool_sb) {
        .magic = VHC_POOL_MAGIC,
        .abi_version = VHC_ABI_VERSION,
        .uuid = { 1, 2, 3, ++n_pools },
        .size = FAKE_POOL_SIZE,
        .page_size = FAKE_PAGE_SIZE,
        .direct_off = 4096,
        .direct_size = FAKE_PAGE_SIZE - 4096,
        .stride = FAKE_STRIDE,
        .id_shift = FAKE_ID_SHIFT,
        .n_ids = FAKE_N_IDS,
        .n_buffers = 15 * FAKE_PER_PAGE,
        .headroom = FAKE_HEADROOM,
        .buffer_size = 2048,
    };
    strncpy(sb->name, name, sizeof sb->name - 1);
    h->pool = sb;
    h->buffers = (char *) sb;
}

static void
create_ring(struct fake_host *h, const char *port)
{
    char *ring = create_file(h->ring_path, RING_FILE_SIZE);

    h->rings = ring;
    h->host = (void *) ring;
    h->nf = (void *) (ring + VHC_CTRL_NF_OFF);
    *h->host = (struct vhc_ctrl_host) {
        .magic = VHC_RING_MAGIC,
        .abi_version = VHC_ABI_VERSION,
        .size = RING_FILE_SIZE,
        .n_queues = FAKE_QUEUES,
        .ring_size = FAKE_RING_SIZE,
        .ring_bytes = RING_BYTES,
        .rings_off = VHC_RINGS_OFF,
    };
    memcpy(h->host->pool_uuid, h->pool->uuid, VHC_UUID_SIZE);
    memcpy(h->host->pool_name, h->pool->name, VHC_NAME_SIZE);
    strncpy(h->host->port_name, port, VHC_NAME_SIZE - 1);
}

void
fake_host_create(struct fake_host *h, const char *pool, const char *port)
{
    const char *tmp = getenv("TMPDIR");

    *h = (struct fake_host) { .running = false };
    pthread_mutex_init(&h->mutex, NULL);
    snprintf(h->dir, sizeof h->dir, "%s/nf-test.XXXXXX",
             tmp && strlen(tmp) < 32 ? tmp : "/tmp");
    check(mkdtemp(h->dir) != NULL, h->dir);
    snprintf(h->pool_path, sizeof h->pool_path, "%s/ovs-chain.%s", h->dir,
             pool);
    snprintf(h->ring_path, sizeof h->ring_path, "%s/ovs-chain.%s.%s", h->dir,
             pool, port);
    create_pool(h, pool);
    create_ring(h, port);
}

void
fake_host_create_beside(struct fake_host *h, struct fake_host *other,
                        const char *port)
{
    *h = (struct fake_host) {
        .pool = other->pool,
        .buffers = other->buffers,
    };
    pthread_mutex_init(&h->mutex, NULL);
    snprintf(h->ring_path, sizeof h->ring_path, "%s/ovs-chain.%s.%s",
             other->dir, other->pool->name, port);
    create_ring(h, port);
}

static struct vhc_ring *
ring_at(struct fake_host *h, unsigned int queue, enum vhc_ring_role role)
{
    return (void *) (h->rings + VHC_RINGS_OFF
                     + (queue * VHC_N_RINGS + role) * RING_BYTES);
}

static void
publish(struct fake_host *h, enum vhc_state state, enum vhc_reason reason)
{
    struct vhc_ctrl_host *host = h->host;

    __atomic_store_n(&host->reason, reason, __ATOMIC_RELAXED);
    __atomic_store_n(&host->generation, h->n_attached, __ATOMIC_RELAXED);
    __atomic_store_n(&host->state, state, __ATOMIC_RELEASE);
    __atomic_store_n(&host->answer, state == VHC_DETACHED ? 0 : h->answered,
                     __ATOMIC_RELEASE);
}

static bool
indices_zero(struct fake_host *h)
{
    uint32_t any = 0;

    for (unsigned int i = 0; i < FAKE_QUEUES; i++) {
        any |= __atomic_load_n(&ring_at(h, i, VHC_RX)->cons,
                               __ATOMIC_RELAXED);
        any |= __atomic_load_n(&ring_at(h, i, VHC_TX)->prod,
                               __ATOMIC_RELAXED);
        any |= __atomic_load_n(&ring_at(h, i, VHC_FILL)->cons,
                               __ATOMIC_RELAXED);
    }
    return !any;
}

static void
attach(struct fake_host *h, uint32_t request)
{
    h->answered = request;
    if (!indices_zero(h)) {
        publish(h, VHC_REFUSED, VHC_REASON_INDICES);
        return;
    }
    if (h->refuse) {
        publish(h, VHC_REFUSED, h->refuse);
        return;
    }
    for (unsigned int i = 0; i < FAKE_QUEUES; i++) {
        vhc_prod_init(&h->rx[i], ring_at(h, i, VHC_RX), FAKE_RING_SIZE);
        vhc_cons_init(&h->tx[i], ring_at(h, i, VHC_TX), FAKE_RING_SIZE);
        vhc_prod_init(&h->fill[i], ring_at(h, i, VHC_FILL), FAKE_RING_SIZE);
    }
    h->host->access = h->access;
    h->host->credits = 100;
    h->host->max_len = 1518;
    h->n_attached++;
    h->host->token = UINT64_C(0x1234567800000000) + h->n_attached;
    for (int i = 0; h->host->port_name[i]; i++) {
        h->host->token += (uint64_t) h->host->port_name[i] << 16;
    }
    publish(h, VHC_ATTACHED, VHC_REASON_NONE);
}

/* One round of vhost-chain's attach state machine. */
static void
step(struct fake_host *h)
{
    uint32_t request = __atomic_load_n(&h->nf->request, __ATOMIC_ACQUIRE);
    bool attached = h->host->state == VHC_ATTACHED;

    __atomic_fetch_add(&h->host->tick, 1, __ATOMIC_RELAXED);
    if (attached && request != h->answered) {
        h->n_left += !request;
        publish(h, VHC_DETACHED,
                request ? VHC_REASON_REPLACED : VHC_REASON_LEFT);
    } else if (!attached && request && request != h->answered && !h->silent) {
        attach(h, request);
    }
}

static void *
answer(void *h_)
{
    struct fake_host *h = h_;
    bool stop;

    do {
        pthread_mutex_lock(&h->mutex);
        step(h);
        stop = h->stop;
        pthread_mutex_unlock(&h->mutex);
        fake_sleep(300);
    } while (!stop);
    return NULL;
}

void
fake_host_start(struct fake_host *h)
{
    h->stop = false;
    h->running = true;
    check(!pthread_create(&h->thread, NULL, answer, h), "pthread_create");
}

void
fake_host_kill(struct fake_host *h)
{
    if (h->running) {
        pthread_mutex_lock(&h->mutex);
        h->stop = true;
        pthread_mutex_unlock(&h->mutex);
        pthread_join(h->thread, NULL);
        h->running = false;
    }
}

void
fake_host_adopt(struct fake_host *h, void *rings, void *pool)
{
    pthread_mutex_lock(&h->mutex);
    h->rings = rings;
    h->buffers = pool;
    for (unsigned int i = 0; i < FAKE_QUEUES; i++) {
        h->rx[i].ring = ring_at(h, i, VHC_RX);
        h->tx[i].ring = ring_at(h, i, VHC_TX);
        h->fill[i].ring = ring_at(h, i, VHC_FILL);
    }
    pthread_mutex_unlock(&h->mutex);
}

uint32_t
fake_host_n_left(struct fake_host *h)
{
    uint32_t n_left;

    pthread_mutex_lock(&h->mutex);
    n_left = h->n_left;
    pthread_mutex_unlock(&h->mutex);
    return n_left;
}

void
fake_host_detach(struct fake_host *h, enum vhc_reason reason)
{
    pthread_mutex_lock(&h->mutex);
    publish(h, VHC_DETACHED, reason);
    pthread_mutex_unlock(&h->mutex);
}

void
fake_host_destroy(struct fake_host *h)
{
    fake_host_kill(h);
    unlink(h->ring_path);
    munmap(h->host, RING_FILE_SIZE);
    if (h->dir[0]) {
        unlink(h->pool_path);
        munmap(h->pool, FAKE_POOL_SIZE);
        check(!rmdir(h->dir), h->dir);
    }
    pthread_mutex_destroy(&h->mutex);
}

int
fake_host_setup(void **host)
{
    fake_host_create(*host, "blue", "fw");
    fake_host_start(*host);
    return 0;
}

int
fake_host_teardown(void **host)
{
    fake_host_destroy(*host);
    return 0;
}

uint8_t *
fake_host_data(struct fake_host *h, const struct vhc_desc *desc)
{
    uint32_t page = desc->buf >> FAKE_ID_SHIFT;
    uint32_t index = desc->buf & (FAKE_FIRST_ID - 1);

    return (uint8_t *) h->buffers + page * FAKE_PAGE_SIZE + index * FAKE_STRIDE
           + desc->off;
}

struct vhc_desc
fake_host_frame(struct fake_host *h, uint32_t id, uint16_t len, uint8_t fill)
{
    struct vhc_desc desc = { .buf = id, .off = FAKE_HEADROOM, .len = len };

    memset(fake_host_data(h, &desc), fill, len);
    return desc;
}

uint32_t
fake_host_id(unsigned int i)
{
    return ((1 + i / FAKE_PER_PAGE) << FAKE_ID_SHIFT) + i % FAKE_PER_PAGE;
}

/* The switch's half of barrier (C). */
static void
wake(struct fake_host *h)
{
    uint32_t number;

    vhc_ring_fence();           /* (C) */
    number = __atomic_load_n(&h->nf->need_wakeup, __ATOMIC_RELAXED);
    if (number && number != h->last_woken) {
        h->last_woken = number;
        __atomic_fetch_add(&h->host->wake_seq, 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, &h->host->wake_seq, FUTEX_WAKE, INT_MAX, NULL,
                NULL, 0);
    }
}

static unsigned int
put(struct vhc_prod *prod, const struct vhc_desc *descs, unsigned int n)
{
    n = vhc_ring_reserve(prod, n);
    for (unsigned int i = 0; i < n; i++) {
        vhc_ring_put(prod, i, &descs[i]);
    }
    vhc_ring_submit(prod, n);
    return n;
}

unsigned int
fake_host_put(struct fake_host *h, unsigned int queue,
              const struct vhc_desc *descs, unsigned int n)
{
    pthread_mutex_lock(&h->mutex);
    n = put(&h->rx[queue], descs, n);
    wake(h);
    pthread_mutex_unlock(&h->mutex);
    return n;
}

unsigned int
fake_host_fill(struct fake_host *h, unsigned int queue,
               const struct vhc_desc *descs, unsigned int n)
{
    pthread_mutex_lock(&h->mutex);
    n = put(&h->fill[queue], descs, n);
    pthread_mutex_unlock(&h->mutex);
    return n;
}

unsigned int
fake_host_get(struct fake_host *h, unsigned int queue, struct vhc_desc *descs,
              unsigned int n)
{
    pthread_mutex_lock(&h->mutex);
    n = vhc_ring_peek(&h->tx[queue], n);
    for (unsigned int i = 0; i < n; i++) {
        descs[i] = vhc_ring_get(&h->tx[queue], i);
    }
    vhc_ring_release(&h->tx[queue], n);
    pthread_mutex_unlock(&h->mutex);
    return n;
}

unsigned int
fake_host_await(struct fake_host *h, unsigned int queue,
                struct vhc_desc *descs, unsigned int n)
{
    unsigned int got = 0;

    for (int i = 0; got < n && i < AWAIT_NAPS; i++) {
        got += fake_host_get(h, queue, descs + got, n - got);
        if (got < n) {
            fake_sleep(AWAIT_NAP_US);
        }
    }
    return got;
}

void
fake_sleep(unsigned int us)
{
    struct timespec ts = { .tv_nsec = us * 1000 };

    nanosleep(&ts, NULL);
}
