/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPS_H
#define OPS_H 1

/* An input that is a program: operations of 8 bytes each, one after the other.
 *
 * Linking ops.c into a target gives it mutations of whole operations, beside
 * those of bytes that libFuzzer has itself: with operations of one size, one
 * that is inserted or removed leaves the others what they were.
 *
 * codes.h has the lists of operations.
 *
 * Thread-safety: pure functions. */

#include <stddef.h>
#include <stdint.h>

/* Which, and what with: the meaning is the target's. */
struct op {
    uint8_t code;
    uint8_t a, b, c;
    uint32_t v;
};

/* Returns the first operation of an input, or zeros. */
struct op ops_first(const uint8_t *data, size_t size);

/* Calls 'act' for each operation from the 'first' on, with its code modulo
 * 'n_codes', whose names for fuzz_trace() are 'names', unless that is NULL.
 * An operation that is cut off is ignored. */
void ops_run(const uint8_t *data, size_t size, size_t first,
             const char *const names[], unsigned n_codes,
             void (*act)(unsigned code, const struct op *op));

#endif /* ops.h */
