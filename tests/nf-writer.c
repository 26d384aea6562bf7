/* SPDX-License-Identifier: Apache-2.0 */

/* An NF for tests, which writes to packets: it inverts the last byte of each.
 *
 *     nf-writer [--deny] [OPTION]... [RING]
 *
 * With --deny it does not say that it writes. */

#include <config.h>

#include <string.h>

#include <nf/shim.h>

static void
invert(struct nf_burst *burst, void *aux)
{
    (void) aux;
    for (unsigned int i = 0; i < burst->n; i++) {
        struct nf_packet *p = &burst->packets[i];

        p->data[nf_packet_len(p) - 1] ^= 0xff;
    }
}

int
main(int argc, char *argv[])
{
    struct nf_app app = {
        .name = "nf-writer",
        .summary = "inverts the last byte of every packet",
        .burst = invert,
        .writes = true,
    };

    if (argc > 1 && !strcmp(argv[1], "--deny")) {
        app.writes = false;
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    return nf_main(argc, argv, &app, NULL);
}
