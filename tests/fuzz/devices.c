/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "scratch.h"

static struct scratch dir;
static int memory[DEVICES_N];   /* Of each device: an open file. */
static unsigned n_there = DEVICES_N;

static void
write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void
device_path(char path[192], int i, const char *file)
{
    snprintf(path, 192, "%s/0000:00:%02x.0%s", dir.path, i, file);
}

static void
stop(void)
{
    scratch_remove(&dir);
}

void
devices_start(void)
{
    scratch_make(&dir);
    atexit(stop);
    for (int i = 0; i < DEVICES_N; i++) {
        char path[192];

        device_path(path, i, "");
        assert_int_equal(mkdir(path, 0700), 0);
        device_path(path, i, "/vendor");
        write_file(path, "0x1af4\n");
        device_path(path, i, "/enable");
        write_file(path, "1\n");
        device_path(path, i, "/device");
        write_file(path, "0x1110\n");
        device_path(path, i, "/resource2");
        memory[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(memory[i] >= 0);
    }
}

void
devices_make(const struct device *d, unsigned n)
{
    for (unsigned i = 0; i < DEVICES_N; i++) {
        char path[192];

        if (i < n) {
            assert_int_equal(ftruncate(memory[i], 0), 0);
            assert_int_equal(pwrite(memory[i], d[i].bytes, sizeof d[i].bytes,
                                    0), sizeof d[i].bytes);
            assert_int_equal(ftruncate(memory[i], d[i].size), 0);
        }
        if ((i < n) != (i < n_there)) { /* Another program's, or ours. */
            device_path(path, i, "/device");
            write_file(path, i < n ? "0x1110\n" : "0x1000\n");
        }
    }
    n_there = n;
}

const char *
devices_dir(void)
{
    return dir.path;
}
