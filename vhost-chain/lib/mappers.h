/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_MAPPERS_H
#define VHC_MAPPERS_H 1

/* Who else maps a file?
 *
 * Thread-safety: any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Finds a process other than this one that maps the file at 'path', as far as
 * this process may know.  If there is one, returns true and stores its id in
 * '*pid' and the name of its program in 'program', 'size' bytes. */
bool vhc_mappers_find(const char *path, pid_t *pid, char *program,
                      size_t size);

#endif /* mappers.h */
