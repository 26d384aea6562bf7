/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_HISTOGRAM_H
#define PERF_HISTOGRAM_H 1

/* How often which time was seen, to 1.6 % of it: 64 classes to each power of
 * two.
 *
 * Usage
 * -----
 *
 *     static struct histogram h;
 *
 *     histogram_add(&h, value);
 *     p99 = histogram_quantile(&h, 0.99);
 *
 * Thread-safety: none. */

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_CLASSES ((64 - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)

struct histogram {
    uint64_t n;
    uint64_t max;
    uint64_t counts[HISTOGRAM_CLASSES];
};

/* Values below HISTOGRAM_SUB have a class each; from there on, the class is
 * the position of the first bit and the HISTOGRAM_SUB_BITS bits after it. */
static inline unsigned
histogram_class(uint64_t value)
{
    unsigned shift;

    if (value < HISTOGRAM_SUB) {
        return value;
    }
    shift = 63 - __builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((shift + 1) << HISTOGRAM_SUB_BITS)
           + ((value >> shift) & (HISTOGRAM_SUB - 1));
}

/* Returns the largest value of class 'c'. */
static inline uint64_t
histogram_top(unsigned c)
{
    unsigned shift;

    if (c < HISTOGRAM_SUB) {
        return c;
    }
    shift = (c >> HISTOGRAM_SUB_BITS) - 1;
    return ((((uint64_t) HISTOGRAM_SUB + (c & (HISTOGRAM_SUB - 1)) + 1)
             << shift) - 1);
}

static inline void
histogram_add(struct histogram *h, uint64_t value)
{
    h->counts[histogram_class(value)]++;
    h->n++;
    if (value > h->max) {
        h->max = value;
    }
}

/* Returns a value that the part 'q' of all values do not exceed, 0 if there
 * are none. */
static inline uint64_t
histogram_quantile(const struct histogram *h, double q)
{
    uint64_t seen = 0;

    for (unsigned c = 0; c < HISTOGRAM_CLASSES; c++) {
        seen += h->counts[c];
        if (h->n && seen >= q * h->n) {
            uint64_t top = histogram_top(c);

            return top < h->max ? top : h->max;
        }
    }
    return h->max;
}

#endif /* histogram.h */
