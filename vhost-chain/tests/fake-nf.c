/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "fake-nf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Maps 'path', whose size goes to '*size', and returns its open file in
 * '*fdp'. */
static void *
map_file(const char *path, int *fdp, size_t *size)
{
    struct stat st;
    void *p;

    *fdp = open(path, O_RDWR | O_CLOEXEC);
    assert_true(*fdp >= 0);
    assert_int_equal(fstat(*fdp, &st), 0);
    *size = st.st_size;
    p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, *fdp, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

void
fake_nf_open(struct fake_nf *f, const char *ring_path, const char *pool_path)
{
    int pool_fd;
    char *ring;

    memset(f, 0, sizeof *f);
    ring = map_file(ring_path, &f->fd, &f->ring_bytes);
    f->host = (struct vhc_ctrl_host *) ring;
    f->nf = (struct vhc_ctrl_nf *) (ring + 4096);
    f->pool = map_file(pool_path, &pool_fd, &f->pool_bytes);
    close(pool_fd);
    assert_int_equal(f->host->magic, VHC_RING_MAGIC);
    assert_int_equal(f->host->size, f->ring_bytes);
    assert_int_equal(f->pool->magic, VHC_POOL_MAGIC);
    assert_int_equal(f->pool->size, f->pool_bytes);
    assert_memory_equal(f->host->pool_uuid, f->pool->uuid, 16);
}

void
fake_nf_close(struct fake_nf *f)
{
    munmap((void *) f->host, f->ring_bytes);
    munmap(f->pool, f->pool_bytes);
    close(f->fd);
}

struct vhc_ring *
fake_nf_ring(struct fake_nf *f, unsigned queue, enum vhc_ring_role role)
{
    const struct vhc_ctrl_host *host = f->host;

    return (struct vhc_ring *) ((char *) host + host->rings_off
                                + (queue * 3 + role) * host->ring_bytes);
}

void
fake_nf_prepare(struct fake_nf *f)
{
    struct vhc_ctrl_nf *nf = f->nf;

    for (unsigned i = 0; i < f->host->n_queues; i++) {
        vhc_cons_init(&f->rx[i], fake_nf_ring(f, i, VHC_RX),
                      f->host->ring_size);
        vhc_prod_init(&f->tx[i], fake_nf_ring(f, i, VHC_TX),
                      f->host->ring_size);
        vhc_cons_init(&f->fill[i], fake_nf_ring(f, i, VHC_FILL),
                      f->host->ring_size);
    }
    nf->abi_version = 1;
    nf->features = 0;
    nf->n_queues = f->host->n_queues;
    nf->fill_level = 0;
    nf->pid = getpid();
    nf->peer_token = 0;
    memset(nf->reserved0, 0, sizeof nf->reserved0);
    memcpy(nf->pool_uuid, f->pool->uuid, sizeof nf->pool_uuid);
    strcpy(nf->name, "fake-nf");
    nf->need_wakeup = 0;
}

void
fake_nf_request(struct fake_nf *f, uint32_t number)
{
    fake_nf_prepare(f);
    __atomic_store_n(&f->nf->request, number, __ATOMIC_RELEASE);
}

void
fake_nf_leave(struct fake_nf *f)
{
    __atomic_store_n(&f->nf->request, 0, __ATOMIC_RELEASE);
}

void
fake_nf_lock(struct fake_nf *f)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1
    };

    assert_int_equal(fcntl(f->fd, F_OFD_SETLK, &lock), 0);
}

static unsigned
get(struct vhc_cons *c, struct vhc_desc *descs, unsigned n)
{
    n = vhc_ring_peek(c, n);
    for (unsigned i = 0; i < n; i++) {
        descs[i] = vhc_ring_get(c, i);
    }
    vhc_ring_release(c, n);
    return n;
}

unsigned
fake_nf_get(struct fake_nf *f, unsigned queue, struct vhc_desc *descs,
            unsigned n)
{
    return get(&f->rx[queue], descs, n);
}

unsigned
fake_nf_get_empty(struct fake_nf *f, unsigned queue, struct vhc_desc *descs,
                  unsigned n)
{
    return get(&f->fill[queue], descs, n);
}

void
fake_nf_put(struct fake_nf *f, unsigned queue, const struct vhc_desc *descs,
            unsigned n)
{
    struct vhc_prod *p = &f->tx[queue];

    assert_int_equal(vhc_ring_reserve(p, n), n);
    for (unsigned i = 0; i < n; i++) {
        vhc_ring_put(p, i, &descs[i]);
    }
    vhc_ring_submit(p, n);
}

/* By the superblock: "A buffer" in vhc/abi.h. */
uint8_t *
fake_nf_data(struct fake_nf *f, const struct vhc_desc *desc)
{
    const struct vhc_pool_sb *sb = f->pool;
    uint32_t index = desc->buf & ((UINT32_C(1) << sb->id_shift) - 1);
    uint64_t page = desc->buf >> sb->id_shift;

    assert_in_range(desc->buf, 0, sb->n_ids - 1);
    return (uint8_t *) sb + page * sb->page_size
           + (uint64_t) index * sb->stride + desc->off;
}
