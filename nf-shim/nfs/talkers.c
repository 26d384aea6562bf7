/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "talkers.h"

#include <string.h>

/* Multiplicative hashing (Knuth, "The Art of Computer Programming", vol. 3,
 * section 6.4) of both halves of the address. */
static uint32_t
hash(const struct flow_addr *addr)
{
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t words[2];

    memcpy(words, addr->bytes, sizeof words);
    words[0] = (words[0] ^ words[1] >> 32) * golden;
    words[0] = (words[0] ^ words[0] >> 32 ^ words[1]) * golden;
    return words[0] >> 32;
}

/* Returns the entry for the source of 'flow', made for it if need be. */
static struct talker *
find(struct talker set[TALKERS_WAYS], const struct flow *flow)
{
    struct talker *least = &set[0];

    for (int i = 0; i < TALKERS_WAYS; i++) {
        struct talker *t = &set[i];

        if (t->family == flow->kind
            && !memcmp(&t->addr, &flow->src, sizeof t->addr)) {
            return t;
        }
        if (t->n_bytes < least->n_bytes) {
            least = t;
        }
    }

    *least = (struct talker) {
        .addr = flow->src,
        .family = flow->kind,
        .n_bytes = least->n_bytes,
        .error = least->n_bytes,
    };
    return least;
}

void
talkers_count(struct talkers *talkers, const struct flow *flow, uint32_t len)
{
    uint32_t set = hash(&flow->src) % TALKERS_SETS;
    struct talker *t = find(talkers->sets[set], flow);

    t->n_bytes += len;
    t->n_packets++;
}

size_t
talkers_top(const struct talkers *talkers, struct talker *top, size_t n)
{
    const struct talker *all = &talkers->sets[0][0];
    size_t n_top = 0;

    for (size_t i = 0; i < TALKERS_SETS * TALKERS_WAYS; i++) {
        size_t j = n_top;

        if (!all[i].family) {
            continue;
        }
        while (j > 0 && top[j - 1].n_bytes < all[i].n_bytes) {
            j--;
        }
        if (j == n) {
            continue;
        }
        n_top += n_top < n;
        memmove(&top[j + 1], &top[j], (n_top - j - 1) * sizeof *top);
        top[j] = all[i];
    }
    return n_top;
}
