/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICES_H
#define DEVICES_H 1

/* The shared memory devices of a guest, as sysfs shows them, in an ordinary
 * directory.
 *
 * Thread-safety: none. */

#include <stdint.h>

#define DEVICES_N 3

struct device {
    uint8_t bytes[512];         /* The beginning of its memory. */
    uint64_t size;              /* Bytes. */
};

/* Makes the directory, which goes when the process ends. */
void devices_start(void);

/* Lets there be the first 'n' of the devices at 'd'. */
void devices_make(const struct device *d, unsigned n);

const char *devices_dir(void);

#endif /* devices.h */
