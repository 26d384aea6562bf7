/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H 1

/* A fuzz target: code that must stand whatever bytes it is given.
 *
 * Usage
 * -----
 *
 *     void fuzz_start(void) { make what all inputs need; }
 *     void fuzz_one(const uint8_t *data, size_t size) { use it; }
 *
 * What must be true is said with cmocka's asserts, which end the process here,
 * so that libFuzzer keeps the input.
 *
 * An input must do the same whatever ran before it in the process, or else the
 * file that libFuzzer keeps is worth nothing.  So a target notes what happens,
 * and with FUZZ_DIGEST in the environment prints a digest of it for each
 * input: "run" replays the corpus in two orders and compares them.
 *
 * With FUZZ_TRACE in the environment each step is printed, for people.
 *
 * Thread-safety: none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of the target. */
void fuzz_start(void);
void fuzz_one(const uint8_t *data, size_t size);

/* Notes that 'value' came out. */
void fuzz_note(uint64_t value);

/* Notes 'size' bytes at 'p'. */
void fuzz_note_bytes(const void *p, size_t size);

/* Prints a line, if that is wanted. */
void fuzz_trace(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif /* fuzz.h */
