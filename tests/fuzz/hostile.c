/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "hostile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

void
hostile_reset(struct hostile *nf)
{
    memset(nf, 0, sizeof *nf);
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        nf->ports[k].lock_fd = -1;
    }
}

void
hostile_lock(struct hostile *nf, int k, bool lock)
{
    int *fd = &nf->ports[k].lock_fd;
    struct flock byte = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = VHC_LOCK_NF,
        .l_len = 1
    };

    if (!lock && *fd >= 0) {
        close(*fd);
        *fd = -1;
    } else if (lock && *fd < 0 && host.ports[k].port) {
        *fd = open(host_ring_path(k), O_RDWR | O_CLOEXEC);
        assert_true(*fd >= 0);
        assert_int_equal(fcntl(*fd, F_OFD_SETLK, &byte), 0);
    }
}

void
hostile_forget(struct hostile *nf, int k)
{
    hostile_lock(nf, k, false);
    memset(nf->ports[k].taken, 0, sizeof nf->ports[k].taken);
    host.ports[k].truncated = false;
}

void
hostile_stay(struct hostile *nf)
{
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        int fd = open(host_ring_path(k), O_RDWR | O_CLOEXEC);
        struct stat st;
        void *p;

        if (fd < 0) {
            continue;
        }
        assert_int_equal(fstat(fd, &st), 0);
        if (st.st_size == HOST_RING_FILE_SIZE) {
            p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     0);
            assert_true(p != MAP_FAILED);
            nf->ports[k].left = p;
        }
        close(fd);
    }
}

void
hostile_let_go(struct hostile *nf)
{
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        if (nf->ports[k].left) {
            munmap(nf->ports[k].left, HOST_RING_FILE_SIZE);
            nf->ports[k].left = NULL;
        }
    }
}

/* While its file is short, there is nothing to write to, until the switch
 * makes it whole. */
uint8_t *
hostile_base(struct hostile *nf, int k)
{
    const struct vhc_port *port = host.ports[k].port;
    struct stat st;

    if (!port) {
        return nf->ports[k].left;
    }
    if (host.ports[k].truncated) {
        assert_int_equal(fstat(port->file.fd, &st), 0);
        host.ports[k].truncated = (size_t) st.st_size != port->file.size;
    }
    return host.ports[k].truncated ? NULL : port->file.base;
}

/* Of a file that somebody maps while no switch runs, the harness could not
 * survive the loss. */
void
hostile_truncate(struct hostile *nf, int k, uint32_t size)
{
    if (host.ports[k].port && hostile_base(nf, k)) {
        assert_int_equal(truncate(host.ports[k].port->file.path,
                                  size % HOST_RING_FILE_SIZE), 0);
        host.ports[k].truncated = true;
    }
}

static struct vhc_ring *
ring_of(uint8_t *base, int k, unsigned queue, unsigned role)
{
    const struct vhc_port_config *config = &host.ports[k].config;
    size_t i = queue % config->n_queues * VHC_N_RINGS + role % VHC_N_RINGS;

    return (struct vhc_ring *) (base + VHC_RINGS_OFF
                                + i * vhc_ring_bytes(config->ring_size));
}

/* Returns what 'op' would write over 'old': for 'how' 0 to 3 its 'v', the same
 * little by little, or one bit. */
static uint32_t
value_of(const struct op *op, unsigned how, uint32_t old)
{
    switch (how % 4) {
    case 0: return op->v;
    case 1: return old + (int8_t) op->v;
    case 2: return op->v & 0xff;
    default: return old ^ 1u << op->v % 32;
    }
}

void
hostile_ask(struct hostile *nf, int k, const struct op *op)
{
    const struct vhc_port_config *config = &host.ports[k].config;
    uint8_t *base = hostile_base(nf, k), *other = hostile_base(nf, !k);
    struct vhc_ctrl_nf *c;

    if (!base) {
        return;
    }
    for (unsigned i = 0; i < config->n_queues; i++) {
        ring_of(base, k, i, VHC_RX)->cons = 0;
        ring_of(base, k, i, VHC_TX)->prod = 0;
        ring_of(base, k, i, VHC_FILL)->cons = 0;
    }
    memset(nf->ports[k].taken, 0, sizeof nf->ports[k].taken);
    c = (struct vhc_ctrl_nf *) (base + VHC_CTRL_NF_OFF);
    *c = (struct vhc_ctrl_nf) {
        .abi_version = VHC_ABI_VERSION,
        .features = op->a >> 2 & VHC_NF_F_ALL,
        .n_queues = config->n_queues,
        .fill_level = op->b,
        .name = "hostile",
        .request = op->v,
    };
    memcpy(c->pool_uuid, ((struct vhc_ctrl_host *) base)->pool_uuid,
           sizeof c->pool_uuid);
    if (op->c & 1 && other) {
        c->peer_token = ((struct vhc_ctrl_host *) other)->token;
    }
}

/* Changes a word of the half of the control block that is at 'off' and has
 * 'size' bytes. */
static void
write_word(struct hostile *nf, int k, size_t off, size_t size,
           const struct op *op)
{
    uint8_t *base = hostile_base(nf, k);

    if (base) {
        uint32_t *words = (uint32_t *) (base + off);
        size_t i = op->b % (size / sizeof *words);

        words[i] = value_of(op, op->c, words[i]);
    }
}

void
hostile_write(struct hostile *nf, int k, const struct op *op)
{
    write_word(nf, k, VHC_CTRL_NF_OFF, sizeof(struct vhc_ctrl_nf), op);
}

void
hostile_write_host(struct hostile *nf, int k, const struct op *op)
{
    write_word(nf, k, 0, sizeof(struct vhc_ctrl_host), op);
}

void
hostile_write_index(struct hostile *nf, int k, unsigned queue,
                    const struct op *op)
{
    uint8_t *base = hostile_base(nf, k);

    if (base) {
        struct vhc_ring *ring = ring_of(base, k, queue, op->b & 0x7f);
        uint32_t *index = op->b & 0x80 ? &ring->prod : &ring->cons;

        *index = value_of(op, op->c, *index);
    }
}

void
hostile_write_desc(struct hostile *nf, int k, unsigned queue,
                   const struct op *op)
{
    uint8_t *base = hostile_base(nf, k);

    if (base) {
        uint32_t size = host.ports[k].config.ring_size;
        struct vhc_ring *ring = ring_of(base, k, queue, op->b);
        uint32_t *words = (uint32_t *) &ring->desc[op->c / 4 % size];

        words[op->c % 4] = op->v;
    }
}

void
hostile_get(struct hostile *nf, int k, const struct op *op)
{
    unsigned role = op->c & 1 ? VHC_FILL : VHC_RX;
    uint8_t *base = hostile_base(nf, k);
    uint32_t *taken = &nf->ports[k].taken[role];
    struct vhc_ring *ring;

    if (!base) {
        return;
    }
    ring = ring_of(base, k, 0, role);
    for (int i = 0; i < op->b && *taken != ring->prod; i++) {
        nf->descs[nf->n_descs++ % HOSTILE_MAX_DESCS]
            = ring->desc[(*taken)++ % host.ports[k].config.ring_size];
    }
    ring->cons = *taken;
}

/* Returns what hostile_put() sends.  'c': verdict in bits 0 and 1; 2: flags
 * and reserved are set; 3: 'off' and 'len' are those of 'v' and not those
 * seen; 6: at the end of the buffer; 7: buffer 'b'. */
static struct vhc_desc
desc_of(const struct hostile *nf, const struct op *op)
{
    unsigned n_seen = RTE_MIN(nf->n_descs, (unsigned) HOSTILE_MAX_DESCS);
    struct vhc_desc desc = { .off = VHC_HEADROOM, .len = 64 };

    if (n_seen) {
        desc = nf->descs[op->b % n_seen];
    }
    if (op->c & 0x80) {
        desc.buf = op->b;
    }
    desc.verdict = op->c & 3;
    if (op->c & 4) {
        desc.flags = op->v;
        desc.reserved = op->v >> 8;
    }
    if (op->c & 8) {
        desc.off = op->v >> 16;
        desc.len = op->v;
    }
    if (op->c & 0x40) {
        desc.off = HOST_STRIDE - desc.len;
    }
    return desc;
}

/* Bit 4 of 'c': once more; bit 5: the index stays. */
void
hostile_put(struct hostile *nf, int k, unsigned queue, const struct op *op)
{
    uint32_t size = host.ports[k].config.ring_size;
    uint8_t *base = hostile_base(nf, k);
    struct vhc_ring *ring;

    if (!base) {
        return;
    }
    ring = ring_of(base, k, queue, VHC_TX);
    for (int i = 0; i <= (op->c >> 4 & 1); i++) {
        ring->desc[ring->prod % size] = desc_of(nf, op);
        ring->prod += !(op->c & 0x20);
    }
}
