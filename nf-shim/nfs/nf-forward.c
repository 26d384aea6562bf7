/* SPDX-License-Identifier: Apache-2.0 */

/* The smallest network function: passes every packet on, unchanged.
 *
 * Start here to write your own.  A burst is up to 32 packets that lie in the
 * memory shared with the switch and the other NFs of the pool; nothing was
 * copied to bring them here.  For each packet p,
 *
 *     p->data, nf_packet_len(p)            are the Ethernet frame,
 *     nf_packet_mark(p)                    is OpenFlow's pkt_mark,
 *     nf_packet_set_nf_mark(p, 2)          tells the flows what you found,
 *     nf_packet_set_verdict(p, VHC_DROP)   drops it.
 *
 * Packets without a verdict are forwarded.  nf_main() does the rest: options,
 * signals, attaching, sleeping, sending. */

#include <nf/shim.h>

static void
forward(struct nf_burst *burst, void *aux)
{
    (void) aux;
    for (unsigned int i = 0; i < burst->n; i++) {
        nf_packet_set_verdict(&burst->packets[i], VHC_FORWARD);
    }
}

int
main(int argc, char *argv[])
{
    static const struct nf_app app = {
        .name = "nf-forward",
        .summary = "passes every packet on, unchanged",
        .burst = forward,
    };

    return nf_main(argc, argv, &app, NULL);
}
