/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_COMMAND_H
#define PERF_COMMAND_H 1

/* Commands to a process that polls: lines on its standard input.
 *
 *     while (!command_waits(&next)) {
 *         poll the ports
 *     }
 *     command_read(line, sizeof line);
 *
 * Thread-safety: none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ticks.h"

#define COMMAND_TICKS (1 << 20) /* Between looks: less than a millisecond. */

/* Looks whether a line, or the end, is there; cheap enough for each turn of a
 * loop that polls.  '*next' is the loop's own, 0 at first. */
bool command_look(void);

static inline bool
command_waits(uint64_t *next)
{
    uint64_t now = ticks();

    if (now < *next) {
        return false;
    }
    *next = now + COMMAND_TICKS;
    return command_look();
}

/* Waits for a line and stores it, without its newline.  Returns false at the
 * end of the input. */
bool command_read(char *line, size_t size);

#endif /* command.h */
