/* SPDX-License-Identifier: Apache-2.0 */

/* Two ports of one NF, and NFs that claim to have two. */

#include "hostile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns the 'i'th guess of another port's token. */
static uint64_t
guess(struct hostile *h, uint32_t i)
{
    uint64_t own = h->p.host->token;

    switch (i) {
    case 0: return own;         /* Of its last attachment. */
    case 1: return own + 1;
    case 2: return own - 1;
    case 3: return ~own;
    case 4: return UINT64_MAX;
    case 5: return 1;
    default: return hostile_random(&h->random);
    }
}

void
hostile_guess(struct hostile *h)
{
    probe_detach(&h->p);
    for (uint32_t i = 0; i < h->count; i++) {
        h->p.peer_token = guess(h, i);
        if (probe_attach(&h->p) != VHC_REFUSED) {
            printf("guess %u: linked\n", i);
            exit(1);
        }
    }
    expect_state("refused", VHC_REASON_PEER);
}

/* Each port is a process; one is killed while packets pass from its port to
 * the other's. */
void
hostile_link_kill(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    pid_t child = fork();

    if (!child) {
        while (probe_is_attached(&h->p)) {
            hostile_forward(h, &h->peer, &h->p);
        }
        _exit(0);
    }
    while (hostile_lasts(h, &clock, "packets", h->n_sent)) {
        hostile_forward(h, &h->p, &h->peer);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    probe_lock(&h->peer, F_UNLCK, 0, 0); /* The child's as well. */
    hostile_await_end(h);
    expect_state("detached", VHC_REASON_PEER);
}

/* Links and parts while packets pass.  When one port goes, the other does. */
void
hostile_link_storm(struct hostile *h)
{
    for (uint32_t n = 0; n < h->count; n++) {
        for (int i = 0; i < 4; i++) {
            hostile_forward(h, &h->p, &h->peer);
            hostile_forward(h, &h->peer, &h->p);
        }
        probe_detach(n % 2 ? &h->p : &h->peer);
        while (probe_is_attached(&h->p) || probe_is_attached(&h->peer)) {
            probe_pause();
        }
        probe_attach(&h->p);
        h->peer.peer_token = h->p.host->token;
        if (probe_attach(&h->peer) != VHC_ATTACHED) {
            printf("not linked: %s\n", probe_reason(&h->peer));
            exit(1);
        }
    }
    expect_attachments(h->count + 1);
    expect_state("attached", VHC_REASON_NONE);
}

/* Both ports detach, and each names the other one. */
void
hostile_cross(struct hostile *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        uint64_t tokens[2] = { h->p.host->token, h->peer.host->token };

        probe_detach(&h->peer);
        probe_detach(&h->p);
        probe_prepare(&h->p);
        probe_prepare(&h->peer);
        h->p.nf->peer_token = tokens[1];
        h->peer.nf->peer_token = tokens[0];
        __atomic_store_n(&h->p.nf->request, ++h->p.request,
                         __ATOMIC_RELEASE);
        if (probe_request(&h->peer) == VHC_ATTACHED) {
            puts("linked with a port that was not attached");
            exit(1);
        }
        h->p.peer_token = h->peer.peer_token = 0;
        probe_attach(&h->p);
        probe_attach(&h->peer);
    }
    expect_state("attached", VHC_REASON_NONE);
}
