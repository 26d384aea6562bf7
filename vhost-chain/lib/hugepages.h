/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_HUGEPAGES_H
#define VHC_HUGEPAGES_H 1

/* Hugetlbfs: where it is mounted, and pages for a file on it.
 *
 * Thread-safety: any thread, but for the file given. */

#include <stddef.h>
#include <stdint.h>

#include "shmfile.h"

/* Finds the directory of hugepages: 'dir' or, if it is NULL, /dev/hugepages
 * or else the first hugetlbfs mounted.  On success stores a malloc()ed path in
 * '*pathp' and the page size, in bytes, in '*page_sizep'.  Otherwise returns
 * an errno value and says in '*errp' how to mount one. */
int vhc_hugepages_find(const char *dir, char **pathp, size_t *page_sizep,
                       char **errp);

/* Maps 'f' and allocates all of its pages, of 'page_size' bytes, on NUMA node
 * 'node' (-1: any).  The pages are there afterwards: touching them does not
 * fault for want of memory.  If there are not enough, returns ENOMEM and says
 * in '*errp' how to reserve them. */
int vhc_hugepages_populate(struct vhc_shmfile *f, size_t page_size, int node,
                           char **errp);

#endif /* hugepages.h */
