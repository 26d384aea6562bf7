/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "honest.h"

#include <string.h>

#include "fuzz.h"

/* The NF's view is the switch's own mapping, which is the same memory. */
static void
look_at(struct honest *honest, int k)
{
    struct vhc_port *port = host.ports[k].port;
    struct fake_nf *nf = &honest->nf;

    honest->k = k;
    nf->fd = -1;
    nf->ring_bytes = port->file.size;
    nf->host = port->host;
    nf->nf = (struct vhc_ctrl_nf *) port->nf;
    nf->pool = (struct vhc_pool_sb *) host.pool->base;
    nf->pool_bytes = host.pool->geometry.size;
    assert_int_equal(port->host->magic, VHC_RING_MAGIC);
    assert_int_equal(nf->pool->magic, VHC_POOL_MAGIC);
}

/* A port may have to let go of an NF first, and of a link with another. */
void
honest_attach(struct honest *honest, int k, uint32_t request)
{
    const struct vhc_port *port = host.ports[k].port;

    honest->n_held = 0;
    look_at(honest, k);
    fake_nf_request(&honest->nf, request);
    for (int i = 0; i < 4 && !(vhc_port_is_attached(port)
                               && port->attach.number == request); i++) {
        host_run(k);
        host_quiesce();
    }
    assert_true(vhc_port_is_attached(port));
    assert_int_equal(port->attach.number, request);
}

void
honest_again(struct honest *honest)
{
    struct fake_nf *nf = &honest->nf;

    look_at(honest, honest->k);
    nf->rx[0].ring = fake_nf_ring(nf, 0, VHC_RX);
    nf->tx[0].ring = fake_nf_ring(nf, 0, VHC_TX);
    nf->fill[0].ring = fake_nf_ring(nf, 0, VHC_FILL);
    assert_true(vhc_port_is_attached(host.ports[honest->k].port));
    assert_int_equal(nf->host->state, VHC_ATTACHED);
    assert_int_equal(vhc_port_owned(host.ports[honest->k].port),
                     honest->n_held + nf->rx[0].ring->prod - nf->rx[0].cons);
}

static uint8_t *
data(struct honest *honest, const struct vhc_desc *desc)
{
    return fake_nf_data(&honest->nf, desc);
}

/* Makes a packet of 'len' bytes, each 'fill'. */
static struct rte_mbuf *
make(unsigned len, int fill, bool copied)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(copied ? host.outside
                                           : host.pool->mp);

    assert_non_null(m);
    memset(rte_pktmbuf_append(m, len), fill, len);
    *vhc_pool_mark(host.pool, m) = fill;
    return m;
}

static void
check_bytes(const uint8_t *p, unsigned len, int fill)
{
    for (unsigned i = 0; i < len; i++) {
        if (p[i] != fill) {
            fail_msg("byte %u of a packet is %02x, not %02x", i, p[i], fill);
        }
    }
}

/* Gives the NF such a packet. */
static struct vhc_desc
give(struct honest *honest, unsigned len, int fill, bool copied)
{
    struct vhc_desc desc;

    host_take(make(len, fill, copied));
    assert_int_equal(host_tx(honest->k, 0, 1), 1);
    assert_int_equal(fake_nf_get(&honest->nf, 0, &desc, 1), 1);
    assert_int_equal(desc.len, len);
    assert_int_equal(desc.mark, fill);
    check_bytes(data(honest, &desc), len, fill);
    return desc;
}

/* Takes the packet 'desc' from the NF. */
static struct rte_mbuf *
take_back(struct honest *honest, const struct vhc_desc *desc)
{
    struct rte_mbuf *m;

    fake_nf_put(&honest->nf, 0, desc, 1);
    assert_int_equal(host_rx(honest->k, 0, 32), 1);
    m = host.hand[host.n_hand - 1];
    assert_int_equal(vhc_pool_id(host.pool, m), desc->buf);
    assert_int_equal(m->data_len, desc->len);
    assert_int_equal(*vhc_pool_mark(host.pool, m), desc->mark);
    return m;
}

void
honest_round(struct honest *honest, unsigned len, bool copied)
{
    struct vhc_desc desc;
    struct rte_mbuf *m;

    honest_echo(honest);
    desc = give(honest, len, 0x5a, copied);
    desc.mark = 0xa5;
    memset(data(honest, &desc), 0xa5, len);
    m = take_back(honest, &desc);
    check_bytes(rte_pktmbuf_mtod(m, uint8_t *), len, 0xa5);
    host_drop(1);
}

/* What a buffer that is held is filled with. */
static int
pattern(const struct vhc_desc *desc)
{
    return 0x80 | desc->buf;
}

void
honest_hold(struct honest *honest)
{
    struct vhc_desc desc;

    honest_echo(honest);
    if (honest->n_held == HONEST_MAX_HELD) {
        return;
    }
    desc = give(honest, 64, 0x33, false);
    honest->held[honest->n_held++] = desc;
    memset(data(honest, &desc) - desc.off, pattern(&desc),
           host.pool->geometry.stride);
}

void
honest_release(struct honest *honest)
{
    honest_echo(honest);
    while (honest->n_held) {
        struct vhc_desc desc = honest->held[--honest->n_held];

        check_bytes(data(honest, &desc) - desc.off,
                    host.pool->geometry.stride, pattern(&desc));
        take_back(honest, &desc);
        host_drop(1);
    }
}

void
honest_live(struct honest *honest)
{
    honest->nf.nf->tick++;
}

void
honest_echo(struct honest *honest)
{
    struct vhc_desc desc;

    if (host.n_hand == HOST_MAX_HAND) {
        host_drop(1);
    }
    while (fake_nf_get(&honest->nf, 0, &desc, 1)) {
        const struct vhc_geometry *g = &host.pool->geometry;

        assert_true(vhc_geometry_is_buffer(g, desc.buf));
        assert_true(desc.len >= VHC_MIN_FRAME);
        assert_true(desc.off + desc.len <= g->stride);
        take_back(honest, &desc);
        if (host.n_hand == HOST_MAX_HAND) {
            host_drop(1);
        }
    }
}
