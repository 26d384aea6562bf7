/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "world.h"

#include <string.h>

#include "fuzz.h"
#include "kernel.h"
#include "race.h"

struct world world;

void
world_configure(const struct op *op)
{
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        struct vhc_port_config *config = &host.ports[k].config;

        *config = host_config(k);
        config->n_queues = 1 + (op->a >> k & 1);
        config->ring_size = 1u << (op->b >> 4 * k) % 6;
        config->credits = 1 + (op->c >> 4 * k & 15) * 2;
        config->max_len = op->v & 1 ? 16384 : HOST_MAX_LEN;
        config->stall_ms = op->v & 2 ? 100 : 0;
        config->access = op->v >> 2 & 1;
        if (op->v & 8) {
            config->local = NULL;
        }
    }
}

/* Returns a packet of 'len' bytes, in as many segments as it takes. */
static struct rte_mbuf *
make_packet(struct rte_mempool *mp, unsigned len)
{
    struct rte_mbuf *head = NULL;

    do {
        struct rte_mbuf *m = rte_pktmbuf_alloc(mp);
        unsigned n;

        assert_non_null(m);
        n = RTE_MIN(len, rte_pktmbuf_tailroom(m));
        memset(rte_pktmbuf_append(m, n), len, n);
        len -= n;
        if (!head) {
            head = m;
        } else {
            assert_int_equal(rte_pktmbuf_chain(head, m), 0);
        }
    } while (len);
    return head;
}

/* Packets that came from somewhere else: 'b' of them. */
static void
receive(const struct op *op, struct rte_mempool *mp, unsigned max_len)
{
    for (int i = 0; i < op->b % 16 && host.n_hand < HOST_MAX_HAND; i++) {
        struct rte_mbuf *m = make_packet(mp, op->v % (max_len + 1));

        m->port = op->a & 4 ? RTE_MBUF_PORT_INVALID : op->c;
        *vhc_pool_mark(host.pool, m) = op->v;
        host_take(m);
    }
}

static void
change_packet(enum rx_op code, const struct op *op)
{
    struct rte_mbuf *m;

    if (!host.n_hand || host.n_hand == HOST_MAX_HAND) {
        return;
    }
    m = host.hand[host.n_hand - 1];
    if (code == RX_SHARE) {
        rte_pktmbuf_refcnt_update(m, 1);
        host_take(m);
    } else if (rte_mbuf_refcnt_read(m) == 1) {
        rte_pktmbuf_prepend(m, RTE_MIN(op->b, rte_pktmbuf_headroom(m)));
    }
}

static void
open_or_close(enum rx_op code, int k, const struct op *op)
{
    if (code == RX_CLOSE) {
        hostile_forget(&world.nf, k);
        host_close(k, op->b & 1);
    } else if (!host.ports[k].port) {
        host_open(k);
    }
}

static void
do_nf_op(enum rx_op code, int k, unsigned queue, const struct op *op)
{
    switch (code) {
    case RX_ASK: hostile_ask(&world.nf, k, op); break;
    case RX_LEAVE:
        hostile_write(&world.nf, k, &(struct op) { .b = 0, .c = 0, .v = 0 });
        break;
    case RX_WRITE: hostile_write(&world.nf, k, op); break;
    case RX_WRITE_HOST: hostile_write_host(&world.nf, k, op); break;
    case RX_WRITE_INDEX: hostile_write_index(&world.nf, k, queue, op); break;
    case RX_WRITE_DESC: hostile_write_desc(&world.nf, k, queue, op); break;
    case RX_GET: hostile_get(&world.nf, k, op); break;
    case RX_PUT: hostile_put(&world.nf, k, queue, op); break;
    case RX_LOCK: hostile_lock(&world.nf, k, !(op->b & 1)); break;
    case RX_TRUNCATE: hostile_truncate(&world.nf, k, op->v); break;
    default: race_arm(op->c, op->v); break;
    }
}

static void
do_port_op(enum rx_op code, int k, unsigned queue, const struct op *op)
{
    struct vhc_port *port = host.ports[k].port;

    if (!port || queue >= port->config.n_queues) {
        return;
    }
    if (code == RX_VM) {
        vhc_port_set_vm(port, op->b % 4);
    } else if (code == RX_MAX_LEN) {
        vhc_port_set_max_len(port, VHC_MIN_FRAME
                             + op->v % (16384 - VHC_MIN_FRAME + 1));
    } else if (vhc_port_wants_frame(port, queue)) {
        vhc_port_frame_done(port, queue, op->b & 1);
    }
}

void
world_do(enum rx_op code, const struct op *op)
{
    unsigned queue = op->a >> 1 & 1;
    int k = op->a & 1;

    switch (code) {
    case RX_RUN: host_run(op->c & 1 ? HOST_OK : k); break;
    case RX_QUIESCE: host_quiesce(); break;
    case RX_RX: host_rx(k, queue, op->b); break;
    case RX_TX: host_tx(op->c & 1 ? HOST_OK : k, queue, op->b); break;
    case RX_NIC: receive(op, host.pool->mp, 16384); break;
    case RX_OUTSIDE: receive(op, host.outside, 9000); break;
    case RX_PUSH:
    case RX_SHARE: change_packet(code, op); break;
    case RX_FREE: host_drop(op->b); break;
    case RX_CLOCK:
        kernel.now_ms += op->v % 5000;
        honest_live(&world.honest);
        break;
    case RX_VM:
    case RX_MAX_LEN:
    case RX_FRAME: do_port_op(code, k, queue, op); break;
    case RX_LOCAL: host.local_room = op->b; break;
    case RX_CLOSE:
    case RX_OPEN: open_or_close(code, k, op); break;
    case RX_ROUND:
        honest_round(&world.honest, VHC_MIN_FRAME + op->v % 1500, op->b & 1);
        break;
    case RX_HOLD: honest_hold(&world.honest); break;
    case RX_RELEASE: honest_release(&world.honest); break;
    default: do_nf_op(code, k, queue, op); break;
    }
}

void
world_reset(void)
{
    kernel_reset(1);
    race_reset();
    hostile_reset(&world.nf);
    host.local_room = 4;
}
