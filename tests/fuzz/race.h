/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RACE_H
#define RACE_H 1

/* A peer that writes to shared memory between any two loads of the code that
 * reads it, without a second thread, so that an input does the same each time.
 *
 * The code under test is compiled with -fsanitize-coverage=trace-loads, so
 * that it tells of each load before it.
 *
 * Usage
 * -----
 *
 *     race_map(base, size, kinds, false);
 *     race_arm(3, 0xdeadbeef);        after three loads, the word loaded last
 *     race_begin();                   becomes 0xdeadbeef
 *     vhc_port_rx(...);
 *     race_end();
 *
 * Between begin and end, a byte of RACE_ONCE may be loaded once, and a byte of
 * RACE_NEVER not at all: one that the host wrote itself.
 *
 * Thread-safety: none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum race_kind {
    RACE_ANY,                   /* May be loaded as often as one likes. */
    RACE_ONCE,
    RACE_NEVER
};

#define RACE_UNIT 4             /* Bytes that have a kind. */
#define RACE_MAX_MAPS 4
#define RACE_MAX_SIZE 65536     /* Bytes of a map. */

/* Forgets all that is armed. */
void race_reset(void);

/* From now on the 'size' bytes at 'base' are shared.  'kinds', which must live
 * as long, says what the code may do with each RACE_UNIT bytes; NULL:
 * anything.  Unless it is 'honest', the peer there writes what is armed. */
void race_map(void *base, size_t size, const uint8_t *kinds, bool honest);

/* Ends that. */
void race_unmap(const void *base);

/* Lets the peer write 'value' where the load is after 'skip' more, as many
 * bytes of it as were loaded.  There may be a few. */
void race_arm(unsigned skip, uint64_t value);

/* Returns true if the peer is still about to write. */
bool race_is_armed(void);

void race_begin(void);
void race_end(void);

#endif /* race.h */
