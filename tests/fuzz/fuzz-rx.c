/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* A hostile NF with two ports, an honest one beside it, and the switch that
 * serves both, in any order: descriptor check, ring consumer, fill, credits,
 * attach, links.
 *
 * The pool and the port of the honest NF stay; the ports of the hostile one
 * are new for each input.  Its first operation says how they are made, as
 * world_configure() does. */

#include "fuzz.h"
#include "world.h"

void
fuzz_start(void)
{
    host_start();
    assert_int_equal(host_make_pool(), 0);
    host.ports[HOST_OK].config = host_config(HOST_OK);
    assert_int_equal(host_open(HOST_OK), 0);
    honest_attach(&world.honest, HOST_OK, 1);
}

static void
start(const struct op *op)
{
    world_reset();
    world_configure(op);
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        assert_int_equal(host_open(k), 0);
    }
    honest_hold(&world.honest);
}

/* Whatever was done to the switch, the honest NF is served. */
static void
end(void)
{
    honest_round(&world.honest, 1000, true);
    honest_release(&world.honest);
    for (int k = 0; k < HOSTILE_N_PORTS; k++) {
        hostile_forget(&world.nf, k);
    }
    host_close_ports(HOSTILE_N_PORTS);
    host_renew();
}

static void
do_op(unsigned code, const struct op *op)
{
    world_do(code, op);
    host_check();
}

void
fuzz_one(const uint8_t *data, size_t size)
{
    struct op op = ops_first(data, size);

    start(&op);
    ops_run(data, size, 1, rx_names, N_RX_OPS, do_op);
    end();
}
