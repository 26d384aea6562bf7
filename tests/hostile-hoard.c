/* SPDX-License-Identifier: Apache-2.0 */

/* Buffers that do not come back. */

#include "hostile.h"

/* Looks, for 'count' seconds, at what 'cons' takes. */
static void
keep(struct hostile *h, struct vhc_cons *cons)
{
    struct hostile_clock clock = { .start_ms = 0 };
    uint64_t n_kept = 0;

    while (hostile_lasts(h, &clock, "buffers kept", n_kept)
           && probe_is_attached(&h->p)) {
        if (cons) {
            uint32_t n = vhc_ring_peek(cons, BURST);

            vhc_ring_release(cons, n);
            n_kept += n;
        }
        probe_tick(&h->p);
        probe_pause();
    }
    expect_state("attached", VHC_REASON_NONE);
}

void
hostile_never_drain(struct hostile *h)
{
    keep(h, NULL);
    expect_some("ring_full");
    expect_owned(h->p.head.ring_size);
}

void
hostile_hoard(struct hostile *h)
{
    keep(h, &h->p.rx[0]);
    expect_some("no_credit");
    expect_owned(h->p.host->credits);
}

void
hostile_never_send(struct hostile *h)
{
    keep(h, &h->p.fill[0]);
    expect_owned(h->p.host->credits);
}

/* Asks for more empty buffers than there are, and says that it took them, and
 * that it did not, as it pleases. */
void
hostile_fill_lies(struct hostile *h)
{
    struct hostile_clock clock = { .start_ms = 0 };
    struct vhc_ring *fill = h->p.fill[0].ring;

    probe_detach(&h->p);
    h->p.fill_level = UINT32_MAX;
    probe_attach(&h->p);
    while (hostile_lasts(h, &clock, "lies", 0) && probe_is_attached(&h->p)) {
        uint32_t prod = __atomic_load_n(&fill->prod, __ATOMIC_ACQUIRE);
        uint32_t back = hostile_random(&h->random) % h->p.head.ring_size;

        __atomic_store_n(&fill->cons, prod - (prod < back ? 0 : back),
                         __ATOMIC_RELEASE);
        __atomic_store_n(&fill->cons, prod, __ATOMIC_RELEASE);
        probe_tick(&h->p);
    }
    expect_owned(h->p.host->credits);
    expect_state("attached", VHC_REASON_NONE);
}
