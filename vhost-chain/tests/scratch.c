/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

void
scratch_make(struct scratch *scratch)
{
    const char *tmp = getenv("TMPDIR");

    memset(scratch, 0, sizeof *scratch);
    snprintf(scratch->path, sizeof scratch->path, "%s/vhost-chain-test-XXXXXX",
             tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(scratch->path));
}

static int
remove_one(const char *path, const struct stat *st, int type,
           struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}

void
scratch_remove(struct scratch *scratch)
{
    assert_int_equal(nftw(scratch->path, remove_one, 16,
                          FTW_DEPTH | FTW_PHYS), 0);
    for (int i = 0; i < SCRATCH_MAX_NAMES; i++) {
        free(scratch->files[i]);
    }
}

const char *
scratch_file(struct scratch *scratch, const char *name)
{
    size_t n_dir = strlen(scratch->path) + 1;
    int i;

    for (i = 0; i < SCRATCH_MAX_NAMES && scratch->files[i]; i++) {
        if (!strcmp(scratch->files[i] + n_dir, name)) {
            return scratch->files[i];
        }
    }
    assert_in_range(i, 0, SCRATCH_MAX_NAMES - 1);
    if (asprintf(&scratch->files[i], "%s/%s", scratch->path, name) < 0) {
        fail_msg("out of memory");
    }
    return scratch->files[i];
}

int
scratch_count(const struct scratch *scratch)
{
    DIR *dir = opendir(scratch->path);
    const struct dirent *entry;
    int n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    }
    closedir(dir);
    return n;
}
