/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ops.h"

#include <stdbool.h>
#include <string.h>

#include "fuzz.h"

_Static_assert(sizeof(struct op) == 8, "seeds.py writes 8 bytes");

/* Of libFuzzer. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t size_a,
                                 const uint8_t *b, size_t size_b,
                                 uint8_t *out, size_t max_size,
                                 unsigned seed);

/* A program that is being changed. */
struct program {
    struct op *ops;
    size_t n, max;
    uint32_t random;
};

/* Returns how many operations are in 'size' bytes. */
static size_t
count(size_t size)
{
    return size / sizeof(struct op);
}

static struct op
get(const uint8_t *data, size_t i)
{
    struct op op;

    memcpy(&op, data + i * sizeof op, sizeof op);
    return op;
}

struct op
ops_first(const uint8_t *data, size_t size)
{
    return count(size) ? get(data, 0) : (struct op) { .code = 0 };
}

void
ops_run(const uint8_t *data, size_t size, size_t first,
        const char *const names[], unsigned n_codes,
        void (*act)(unsigned code, const struct op *op))
{
    for (size_t i = first; i < count(size); i++) {
        struct op op = get(data, i);
        unsigned code = op.code % n_codes;

        if (names) {
            fuzz_trace("%s a=%#x b=%#x c=%#x v=%#x", names[code], op.a, op.b,
                       op.c, op.v);
        }
        act(code, &op);
    }
}

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8, 2003. */
static uint32_t
next(struct program *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 17;
    p->random ^= p->random << 5;
    return p->random;
}

/* Returns a number below 'n', which is not 0. */
static uint32_t
below(struct program *p, size_t n)
{
    return next(p) % n;
}

/* Values near which things break. */
static uint32_t
interesting(struct program *p)
{
    static const uint32_t values[] = {
        0, 1, 2, 8, 14, 16, 32, 64, 128, 255, 256, 1024, 4096, 65535, 65536,
        INT32_MAX, UINT32_MAX,
    };
    uint32_t value = values[below(p, sizeof values / sizeof values[0])];

    switch (below(p, 4)) {
    case 0: return value - 1;
    case 1: return value << 16 | value;
    case 2: return next(p);
    default: return value;
    }
}

static uint8_t
small(struct program *p)
{
    return below(p, 4) ? below(p, 8) : next(p);
}

static struct op
make(struct program *p)
{
    return (struct op) {
        .code = next(p),
        .a = small(p), .b = small(p), .c = small(p),
        .v = interesting(p),
    };
}

static void
change(struct program *p, struct op *op)
{
    switch (below(p, 6)) {
    case 0: op->code = next(p); break;
    case 1: op->a = small(p); break;
    case 2: op->b = small(p); break;
    case 3: op->c = small(p); break;
    case 4: op->v = interesting(p); break;
    default: op->v += (int32_t) below(p, 9) - 4; break;
    }
}

/* Copies 'n' of 'ops' into the program, before the one that is 'at'. */
static void
insert(struct program *p, size_t at, const struct op *ops, size_t n)
{
    if (p->n + n <= p->max) {
        memmove(&p->ops[at + n], &p->ops[at],
                (p->n - at) * sizeof *p->ops);
        memcpy(&p->ops[at], ops, n * sizeof *p->ops);
        p->n += n;
    }
}

static void
cut(struct program *p, size_t at, size_t n)
{
    memmove(&p->ops[at], &p->ops[at + n],
            (p->n - at - n) * sizeof *p->ops);
    p->n -= n;
}

/* Returns how many operations from 'at' on to take, at most 16. */
static size_t
some(struct program *p, size_t at)
{
    size_t left = p->n - at;

    return 1 + below(p, left < 16 ? left : 16);
}

static void
mutate(struct program *p)
{
    size_t at = p->n ? below(p, p->n) : 0;
    struct op copy[16];
    struct op new;
    size_t n;

    switch (p->n ? below(p, 8) : 0) {
    case 0:
    case 1:
        new = make(p);
        insert(p, below(p, p->n + 1), &new, 1);
        break;
    case 2:
        cut(p, at, some(p, at));
        break;
    case 3:                     /* Once more, elsewhere. */
        n = some(p, at);
        memcpy(copy, &p->ops[at], n * sizeof *copy);
        insert(p, below(p, p->n + 1), copy, n);
        break;
    case 4:                     /* Two change places. */
        n = below(p, p->n);
        new = p->ops[n];
        p->ops[n] = p->ops[at];
        p->ops[at] = new;
        break;
    default:
        change(p, &p->ops[at]);
        break;
    }
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                        unsigned seed)
{
    struct op ops[max_size / sizeof(struct op) + 1];
    struct program p = {
        .ops = ops, .n = count(size), .max = count(max_size),
        .random = seed * 2654435761u | 1,
    };

    if (!below(&p, 4)) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(ops, data, p.n * sizeof *ops);
    do {
        mutate(&p);
    } while (below(&p, 3));
    memcpy(data, ops, p.n * sizeof *ops);
    return p.n * sizeof *ops;
}

/* The beginning of 'a' and the end of 'b'. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t size_a, const uint8_t *b,
                          size_t size_b, uint8_t *out, size_t max_size,
                          unsigned seed)
{
    struct program p = { .random = seed * 2654435761u | 1 };
    size_t head = below(&p, count(size_a) + 1);
    size_t tail = below(&p, count(size_b) + 1);

    head = head < count(max_size) ? head : count(max_size);
    if (tail > count(max_size) - head) {
        tail = count(max_size) - head;
    }
    memcpy(out, a, head * sizeof(struct op));
    memcpy(out + head * sizeof(struct op),
           b + (count(size_b) - tail) * sizeof(struct op),
           tail * sizeof(struct op));
    return (head + tail) * sizeof(struct op);
}
