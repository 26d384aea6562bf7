/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCRATCH_H
#define SCRATCH_H 1

/* A directory of a test's own, below $TMPDIR or /tmp, that goes with all that
 * is in it. */

#define SCRATCH_MAX_NAMES 16

struct scratch {
    char path[128];
    char *files[SCRATCH_MAX_NAMES]; /* Paths that were asked for. */
};

void scratch_make(struct scratch *);
void scratch_remove(struct scratch *);

/* Returns the path of 'name' in 'scratch', where it need not exist.  The
 * string lives as long as 'scratch'. */
const char *scratch_file(struct scratch *scratch, const char *name);

/* Returns how many files and directories are in 'scratch'. */
int scratch_count(const struct scratch *scratch);

#endif /* scratch.h */
