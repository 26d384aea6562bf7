/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "loop.h"

#include <string.h>

#include "memtype.h"

/* What the loop does for ports in a guest besides moving packets: it warns of
 * what the VM should have otherwise, and keeps the list of addresses of the
 * guest's kernel. */

#define REFRESH_US 1000000      /* Between looks at the addresses. */

void
nfi_guest_attached(struct nfi_loop *loop, unsigned int i)
{
    const struct nf_port_info *info = nf_port_info(loop->ports[i]);

    if (info->uncached && !loop->said_uncached) {
        loop->said_uncached = true;
        nfi_loop_say(loop->run, "warning: the pool is not cached memory in "
                     "this VM (%u ns a load, %u ns from memory of its own): "
                     "each look at packet data costs that; KVM on AMD "
                     "processors honours the guest's memory type, see \"IN A "
                     "VM\" in nf-forward(1)", info->load_ps / 1000,
                     info->own_load_ps / 1000);
    }
}

/* Writes to a byte beside the frame, which is this NF's as the frame is. */
static bool
is_writable(const struct nf_packet *p)
{
    volatile uint8_t *byte = p->desc.off ? p->data - 1
                             : p->data + nf_packet_len(p);
    uint8_t before = *byte;
    bool changed;

    *byte = before ^ 0xff;
    changed = *byte != before;
    *byte = before;
    return changed;
}

void
nfi_guest_check_write(const struct nf_run *run, const struct nf_port *port,
                      const struct nf_packet *p)
{
    const struct nf_port_info *info = nf_port_info(port);
    bool has_room = p->desc.off
                    || nf_packet_len(p) < info->buffer_size;

    if (!info->read_only && has_room && !is_writable(p)) {
        nfi_loop_say(run, "warning: port %s may write, but the VM's pool "
                     "device is read-only (readonly=on in its definition): "
                     "what this NF writes to packets is lost; set "
                     "options:chain-access=ro, or give the VM the port's "
                     "devices anew", info->port);
    }
}

/* Says once what changed. */
static void
check_wake(struct nfi_loop *loop, unsigned int i)
{
    const struct nfi_wake *wake = &loop->ports[i]->wake;
    bool naps = nfi_wake_naps(wake);

    if (naps && !loop->said_naps[i]) {
        loop->said_naps[i] = true;
        nfi_loop_say(loop->run, "port %s: %s%s; looking for packets every "
                     "%d ms instead of sleeping", loop->names[i],
                     wake->error ? "cannot open a packet socket for wake-up "
                     "frames: "
                     : "no wake-up frames come from the switch (is the VM's "
                     "network interface on this port up?)",
                     wake->error ? strerror(wake->error) : "",
                     NFI_WAKE_NAP_US / 1000);
    } else if (loop->said_naps[i] && wake->works) {
        loop->said_naps[i] = false;
        nfi_loop_say(loop->run, "port %s: wake-up frames come again",
                     loop->names[i]);
    }
}

void
nfi_guest_look(struct nfi_loop *loop, uint64_t now)
{
    for (unsigned int i = 0; i < loop->run->n_ports; i++) {
        if (loop->ports[i] && nfi_port_is_guest(loop->ports[i])) {
            check_wake(loop, i);
        }
    }
    if (loop->has_local && now >= loop->next_refresh) {
        loop->next_refresh = now + REFRESH_US;
        (void) nfi_local_read(&loop->local); /* The old list is better than
                                              * none. */
    }
}
