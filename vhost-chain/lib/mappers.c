/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "mappers.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Device and inode of a mapping as /proc/PID/maps writes them. */
struct identity {
    char device[32];
    char inode[32];
};

/* Reads a line of maps.  Returns false if it is none. */
static bool
parse(const char *line, uintptr_t *start, struct identity *id)
{
    unsigned long address;

    if (sscanf(line, "%lx-%*x %*s %*s %31s %31s", &address, id->device,
               id->inode) != 3) {
        return false;
    }
    *start = address;
    return true;
}

/* Returns true if process 'pid', as text, has a mapping that begins at 'start'
 * (if that is nonzero), whose identity goes to '*id'; or else one whose
 * identity is '*id'. */
static bool
find_mapping(const char *pid, uintptr_t start, struct identity *id)
{
    char path[300];
    char line[512];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        struct identity other;
        uintptr_t address;

        if (!parse(line, &address, &other)) {
            continue;           /* The rest of a long line. */
        }
        if (start) {
            found = address == start;
            *id = found ? other : *id;
        } else {
            found = !strcmp(other.device, id->device)
                    && !strcmp(other.inode, id->inode);
        }
    }
    if (f) {
        fclose(f);
    }
    return found;
}

/* What stat() says of a file is not what maps say on every file system
 * (overlayfs, btrfs), so this process maps it and looks. */
static bool
identify(const char *path, struct identity *id)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    bool found = false;
    struct stat st;
    void *p;

    if (fd < 0) {
        return false;
    }
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size) {
        p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED | MAP_NORESERVE,
                 fd, 0);
        if (p != MAP_FAILED) {
            found = find_mapping("self", (uintptr_t) p, id);
            munmap(p, st.st_size);
        }
    }
    close(fd);
    return found;
}

static void
read_program(const char *pid, char *program, size_t size)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    f = fopen(path, "re");
    if (!f || !fgets(program, size, f)) {
        snprintf(program, size, "?");
    }
    program[strcspn(program, "\n")] = '\0';
    if (f) {
        fclose(f);
    }
}

bool
vhc_mappers_find(const char *path, pid_t *pid, char *program, size_t size)
{
    const struct dirent *entry;
    struct identity id;
    bool found = false;
    DIR *dir;

    if (!identify(path, &id)) {
        return false;
    }
    dir = opendir("/proc");
    while (dir && !found && (entry = readdir(dir))) {
        if (isdigit((unsigned char) entry->d_name[0])
            && atoi(entry->d_name) != getpid()
            && find_mapping(entry->d_name, 0, &id)) {
            *pid = atoi(entry->d_name);
            read_program(entry->d_name, program, size);
            found = true;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}
