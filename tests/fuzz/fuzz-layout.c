/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* What an NF reads of files and devices that may be anybody's: the headers of
 * ring and pool, the devices of a guest, the descriptors in a ring.  Whatever
 * is there, it is refused in words, or everything that the NF then touches
 * lies inside. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "codes.h"
#include "devices.h"
#include "fuzz.h"
#include "ops.h"
#include "port-private.h"
#include "race.h"

#define RING_SIZE 8             /* Entries. */
#define STRIDE 2240             /* Bytes. */
#define MAX_DESCS 32

static struct device images[DEVICES_N];

static struct vhc_desc descs[MAX_DESCS];
static unsigned n_descs;

void
fuzz_start(void)
{
    devices_start();
}

static void
make_ring(struct device *d)
{
    struct vhc_ctrl_host *h = (struct vhc_ctrl_host *) d->bytes;

    d->size = 16384;
    *h = (struct vhc_ctrl_host) {
        .magic = VHC_RING_MAGIC,
        .abi_version = VHC_ABI_VERSION,
        .size = d->size,
        .n_queues = 2,
        .ring_size = RING_SIZE,
        .ring_bytes = vhc_ring_bytes(RING_SIZE),
        .rings_off = VHC_RINGS_OFF,
        .pool_uuid = "0123456789abcde",
        .pool_name = "blue",
        .port_name = "fw",
    };
}

static void
make_pool(struct device *d)
{
    struct vhc_pool_sb *sb = (struct vhc_pool_sb *) d->bytes;

    d->size = 1 << 20;
    *sb = (struct vhc_pool_sb) {
        .magic = VHC_POOL_MAGIC,
        .abi_version = VHC_ABI_VERSION,
        .uuid = "0123456789abcde",
        .name = "blue",
        .size = d->size,
        .page_size = 65536,
        .direct_off = 4096,
        .direct_size = 65536 - 4096,
        .stride = STRIDE,
        .id_shift = 5,
        .n_ids = 512,
        .n_buffers = 435,
        .headroom = 128,
        .buffer_size = 2048,
    };
}

static void
make_good(struct device *d, unsigned kind)
{
    memset(d->bytes, 0, sizeof d->bytes);
    switch (kind % 3) {
    case 0: make_ring(d); break;
    case 1: make_pool(d); break;
    default: d->size = 4096; break;
    }
}

static void
set(struct device *d, const struct op *op, uint64_t value, size_t size)
{
    size_t off = (op->b | op->c << 8) % (sizeof d->bytes - 7);

    memcpy(d->bytes + off, &value, size);
}

static uint64_t
power_of(const struct op *op)
{
    return (UINT64_C(1) << op->v % 64) + op->v / 64 % 4 - 1;
}

/* Checks that an error is said in words of one line. */
static void
check_error(int error, const struct nf_error *err)
{
    assert_true(error > 0);
    assert_true(err->text[0]);
    assert_true(memchr(err->text, '\0', sizeof err->text) != NULL);
    fuzz_trace("    %s", err->text);
    fuzz_note(error);
}

static void
check_ring_layout(const struct nfi_ring_layout *l, uint64_t file_size)
{
    assert_in_range(l->n_queues, 1, VHC_MAX_QUEUES);
    assert_true(l->ring_size && !(l->ring_size & (l->ring_size - 1)));
    for (uint32_t i = 0; i < l->n_queues; i++) {
        for (int role = 0; role < VHC_N_RINGS; role++) {
            uint64_t off = nfi_ring_offset(l, i, role);

            assert_true(off >= VHC_RINGS_OFF && off % VHC_CACHE_LINE == 0);
            assert_true(off <= file_size
                        && vhc_ring_bytes(l->ring_size) <= file_size - off);
        }
    }
    assert_in_range(strnlen(l->pool_name, VHC_NAME_SIZE), 1,
                    VHC_NAME_SIZE - 1);
    assert_null(strpbrk(l->pool_name, "./ "));
    assert_true(strnlen(l->port_name, VHC_NAME_SIZE) < VHC_NAME_SIZE);
}

/* Checks where 'desc' is, if it is anywhere. */
static void
check_desc(const struct nfi_pool_layout *l, const struct vhc_desc *desc,
           uint64_t file_size)
{
    uint64_t page_size = UINT64_C(1) << l->page_shift;
    uint64_t off;

    if (nfi_desc_locate(l, desc, &off)) {
        assert_true(off >= l->first_off && off < file_size);
        assert_true(l->stride <= file_size - off);
        assert_true(off % page_size + l->stride <= page_size);
        assert_true((uint32_t) desc->off + desc->len <= l->stride);
        fuzz_note(off);
    }
}

static void
check_pool_layout(const struct nfi_pool_layout *l, uint64_t file_size)
{
    const uint32_t ids[] = {
        0, 1, l->n_ids - 1, l->n_ids, l->per_page, l->per_page - 1,
        l->index_mask, l->index_mask + 1, UINT32_MAX,
    };

    assert_true(l->first_off >= sizeof(struct vhc_pool_sb));
    assert_true(l->headroom <= l->stride);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        check_desc(l, &(struct vhc_desc) { .buf = ids[i] }, file_size);
        check_desc(l, &(struct vhc_desc) { .buf = ids[i], .off = l->stride,
                                           .len = 1 }, file_size);
    }
    for (unsigned i = 0; i < n_descs; i++) {
        check_desc(l, &descs[i], file_size);
    }
}

/* Each header is in memory of its own size, so that whoever reads beyond is
 * found. */
static void
look(const struct device *ring, const struct device *pool)
{
    struct vhc_ctrl_host *host = malloc(sizeof *host);
    struct vhc_pool_sb *sb = malloc(sizeof *sb);
    struct nfi_ring_layout ring_layout;
    struct nfi_pool_layout pool_layout;
    struct nf_error err = { "" };
    int error;

    memcpy(host, ring->bytes, sizeof *host);
    memcpy(sb, pool->bytes, sizeof *sb);
    error = nfi_ring_layout_init(&ring_layout, host, ring->size, "ring",
                                 &err);
    if (!error) {
        check_ring_layout(&ring_layout, ring->size);
        error = nfi_pool_layout_init(&pool_layout, sb, pool->size,
                                     &ring_layout, "pool", &err);
    }
    if (error) {
        check_error(error, &err);
    } else {
        fuzz_trace("    good");
        check_pool_layout(&pool_layout, pool->size);
    }
    free(host);
    free(sb);
}

/* Checks a packet, and what an NF may make of it. */
static void
check_packet(const struct nf_port *port, const struct nf_packet *received)
{
    const uint8_t *end = port->pool + port->map.pool_size;
    struct nf_packet p = *received;
    const uint8_t *buffer = p.data - p.desc.off;
    const uint8_t *tail;

    assert_true(buffer >= port->pool + port->layout.first_off);
    assert_true(p.data + p.desc.len <= end);
    assert_true(buffer + port->layout.stride <= end);
    assert_int_equal(p.room, port->room);
    nf_packet_push(&p, p.desc.off);
    assert_true(p.data >= buffer);
    tail = nf_packet_append(&p, 64);
    assert_true(!tail || tail + 64 <= buffer + port->layout.stride);
    if (p.desc.len) {
        fuzz_note(p.data[0] | p.data[p.desc.len - 1]);
    }
}

/* Gives the NF the descriptors that there are in ring 'role' of 'queue', and
 * lets it send back what it made of them. */
static void
pass(struct nf_port *port, uint32_t queue, enum vhc_ring_role role)
{
    struct nf_packet packets[MAX_DESCS];
    struct nfi_queue *q = &port->queues[queue];
    struct vhc_ring *ring = role == VHC_RX ? q->rx.ring : q->fill.ring;
    uint32_t size = port->map.ring_layout.ring_size;
    unsigned n;

    for (unsigned i = 0; i < n_descs; i++) {
        ring->desc[i % size] = descs[i];
    }
    ring->prod = n_descs;
    race_begin();
    n = (role == VHC_RX ? nf_port_receive : nf_port_alloc)(port, queue,
                                                           packets,
                                                           MAX_DESCS);
    race_end();
    assert_true(n <= n_descs && n <= size);
    fuzz_trace("    %u of %u descriptors are packets", n, n_descs);
    fuzz_note(n);
    for (unsigned i = 0; i < n; i++) {
        check_packet(port, &packets[i]);
    }
    assert_true(nf_port_send(port, queue, packets, n) <= n);
}

/* Attaches, as the switch would let it, and passes packets. */
static void
use(const struct nfi_mapping *map)
{
    struct vhc_ctrl_host *host = map->ring;
    struct nf_port port = {
        .host = host,
        .nf = (void *) ((char *) map->ring + VHC_CTRL_NF_OFF),
        .pool = map->pool,
        .layout = map->pool_layout,
        .generation = 1,
        .n_queues = map->ring_layout.n_queues,
        .room = map->read_only ? 0 : map->pool_layout.stride,
        .map = *map,
    };

    host->state = VHC_ATTACHED;
    host->generation = 1;
    for (uint32_t i = 0; i < port.n_queues; i++) {
        struct nfi_queue *q = &port.queues[i];
        uint32_t size = map->ring_layout.ring_size;
        char *rings = map->ring;

        vhc_cons_init(&q->rx, (void *) (rings + nfi_ring_offset(
            &map->ring_layout, i, VHC_RX)), size);
        vhc_prod_init(&q->tx, (void *) (rings + nfi_ring_offset(
            &map->ring_layout, i, VHC_TX)), size);
        vhc_cons_init(&q->fill, (void *) (rings + nfi_ring_offset(
            &map->ring_layout, i, VHC_FILL)), size);
    }
    race_map(map->ring, map->ring_size < RACE_MAX_SIZE ? map->ring_size
             : RACE_MAX_SIZE, NULL, false);
    pass(&port, 0, VHC_RX);
    pass(&port, port.n_queues - 1, VHC_FILL);
    race_unmap(map->ring);
}

static void
scan(const struct op *op)
{
    static const char *const names[] = { NULL, "fw", "out", "" };
    struct nf_error err = { "" };
    struct nfi_mapping map;
    int error;

    devices_make(images, op->c % (DEVICES_N + 1));
    error = nfi_mapping_open_device(&map, devices_dir(), names[op->a % 4],
                                    op->b & 1, &err);
    if (error) {
        check_error(error, &err);
        return;
    }
    fuzz_trace("    found %s", map.ring_layout.port_name);
    check_ring_layout(&map.ring_layout, map.ring_size);
    check_pool_layout(&map.pool_layout, map.pool_size);
    use(&map);
    nfi_mapping_close(&map);
}

static void
do_op(unsigned code, const struct op *op)
{
    struct device *d = &images[op->a % DEVICES_N];

    switch (code) {
    case LAYOUT_SET8: set(d, op, op->v, 1); break;
    case LAYOUT_SET32: set(d, op, op->v, 4); break;
    case LAYOUT_SET64: set(d, op, (int32_t) op->v, 8); break;
    case LAYOUT_BIT64: set(d, op, power_of(op), 8); break;
    case LAYOUT_SIZE:
        d->size = op->b & 1 ? 1 << op->v % 24 : op->v % (1 << 24);
        break;
    case LAYOUT_GOOD: make_good(d, op->b); break;
    case LAYOUT_DESC:
        if (n_descs < MAX_DESCS) {
            descs[n_descs++] = (struct vhc_desc) {
                .buf = op->v, .off = op->a << 8 | op->b,
                .len = op->c == 255 ? UINT16_MAX : op->c * 8
            };
        }
        break;
    case LAYOUT_RACE: race_arm(op->c, op->v); break;
    case LAYOUT_LOOK: look(d, &images[op->b % DEVICES_N]); break;
    default: scan(op); break;
    }
}

void
fuzz_one(const uint8_t *data, size_t size)
{
    race_reset();
    n_descs = 0;
    for (int i = 0; i < DEVICES_N; i++) {
        make_good(&images[i], i);
    }
    ops_run(data, size, 0, layout_names, N_LAYOUT_OPS, do_op);
    look(&images[0], &images[1]);
}
