/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "fake-guest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct path {
    char text[512];
};

static void
check(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

static struct path
path_of(const struct fake_guest *g, const char *address, const char *name)
{
    struct path path;

    snprintf(path.text, sizeof path.text, "%s/%s%s%s", g->dir, address,
             name[0] ? "/" : "", name);
    return path;
}

void
fake_guest_create(struct fake_guest *g)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(g->dir, sizeof g->dir, "%s/nf-guest.XXXXXX",
             tmp && strlen(tmp) < 32 ? tmp : "/tmp");
    check(mkdtemp(g->dir) != NULL, g->dir);
}

void
fake_guest_write(struct fake_guest *g, const char *address, const char *name,
                 const char *text)
{
    struct path path = path_of(g, address, name);
    FILE *stream = fopen(path.text, "w");

    check(stream && fputs(text, stream) >= 0 && !fclose(stream), path.text);
}

bool
fake_guest_has(struct fake_guest *g, const char *address, const char *name,
               const char *text)
{
    struct path path = path_of(g, address, name);
    FILE *stream = fopen(path.text, "r");
    char line[64] = "";

    check(stream && (fgets(line, sizeof line, stream) || feof(stream)),
          path.text);
    fclose(stream);
    return !strcmp(line, text);
}

static void
add(struct fake_guest *g, const char *address, const char *device,
    const char *path)
{
    struct path dir = path_of(g, address, "");
    struct path link = path_of(g, address, "resource2");

    check(!mkdir(dir.text, 0700), dir.text);
    fake_guest_write(g, address, "vendor", "0x1af4\n");
    fake_guest_write(g, address, "device", device);
    fake_guest_write(g, address, "enable", "1\n");
    check(!symlink(path, link.text), link.text);
}

void
fake_guest_add(struct fake_guest *g, const char *address, const char *path)
{
    add(g, address, "0x1110\n", path);
}

void
fake_guest_add_other(struct fake_guest *g, const char *address,
                     const char *path)
{
    add(g, address, "0x1041\n", path);
}

void
fake_guest_remove(struct fake_guest *g, const char *address)
{
    static const char *const names[] = {
        "vendor", "device", "enable", "resource2", "resource2_wc",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(path_of(g, address, names[i]).text);
    }
    check(!rmdir(path_of(g, address, "").text), address);
}

void
fake_guest_destroy(struct fake_guest *g)
{
    DIR *stream = opendir(g->dir);
    const struct dirent *entry;

    check(stream != NULL, g->dir);
    while ((entry = readdir(stream))) {
        if (entry->d_name[0] != '.') {
            fake_guest_remove(g, entry->d_name);
        }
    }
    closedir(stream);
    check(!rmdir(g->dir), g->dir);
}
