/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H 1

/* The PCI devices of a guest, as sysfs shows them: a folder of folders, in
 * which the memory of a device is a link to a file of a fake host.
 *
 * Usage
 * -----
 *
 *     fake_guest_create(&guest);
 *     fake_guest_add(&guest, "0000:00:04.0", host.ring_path);
 *     fake_guest_add(&guest, "0000:00:05.0", host.pool_path);
 *     options.pci_path = guest.dir;
 *     ...
 *     fake_guest_destroy(&guest);
 *
 * Thread-safety: one thread at a time. */

#include <stdbool.h>

struct fake_guest {
    char dir[64];
};

/* Makes a folder without devices. */
void fake_guest_create(struct fake_guest *);

/* Adds a shared memory device, whose memory is the file 'path'. */
void fake_guest_add(struct fake_guest *, const char *address,
                    const char *path);

/* Adds a device of another kind, which has such memory, too. */
void fake_guest_add_other(struct fake_guest *, const char *address,
                          const char *path);

/* Writes 'text' to the attribute 'name' of the device 'address'. */
void fake_guest_write(struct fake_guest *, const char *address,
                      const char *name, const char *text);

/* Returns true if the attribute 'name' of the device 'address' is 'text'. */
bool fake_guest_has(struct fake_guest *, const char *address,
                    const char *name, const char *text);

/* Removes the device 'address'. */
void fake_guest_remove(struct fake_guest *, const char *address);

/* Removes all devices and the folder. */
void fake_guest_destroy(struct fake_guest *);

#endif /* fake-guest.h */
