/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ivshmem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VENDOR "0x1af4"
#define DEVICE "0x1110"
#define PEEK_SIZE 4096          /* Bytes of a device to look at. */

/* In PCI's terms the memory is BAR 2.  The kernel offers a prefetchable one
 * twice. */
#define MEMORY "resource2"
#define MEMORY_WC "resource2_wc"

/* Opens 'file' of the device 'address'.  Returns a descriptor, or -1 with
 * errno set. */
static int
open_attribute(const char *dir, const char *address, const char *file,
               int flags)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s/%s", dir, address, file);

    if (n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, flags | O_CLOEXEC);
}

/* Returns true if the first word of 'file' is 'word'. */
static bool
attribute_is(const char *dir, const char *address, const char *file,
             const char *word)
{
    char text[32];
    int fd = open_attribute(dir, address, file, O_RDONLY);
    ssize_t n;

    if (fd < 0) {
        return false;
    }
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, " \n")] = '\0';
    return !strcmp(text, word);
}

/* Makes the device answer to its addresses.  No driver claims these devices,
 * and a firmware need not have done it.  If that fails, what is found in the
 * memory tells. */
static void
enable(const char *dir, const char *address)
{
    if (attribute_is(dir, address, "enable", "0")) {
        int fd = open_attribute(dir, address, "enable", O_WRONLY);

        if (fd >= 0) {
            (void) !write(fd, "1", 1);
            close(fd);
        }
    }
}

int
nfi_ivshmem_error(const struct nfi_ivshmem_device *device, int error,
                  struct nf_error *err)
{
    return nfi_error(err, error, "PCI device %s: cannot map its memory: %s%s",
                     device->address, strerror(error),
                     error == EACCES ? " (run the NF as root)"
                     : error == EPERM ? " (run the NF as root; a kernel in "
                     "lockdown, as with Secure Boot, forbids it even then)"
                     : "");
}

int
nfi_ivshmem_open(const struct nfi_ivshmem_device *device, int *fdp,
                 struct nf_error *err)
{
    int fd = open_attribute(device->dir, device->address, MEMORY, O_RDWR);

    if (fd < 0) {
        return nfi_ivshmem_error(device, errno, err);
    }
    *fdp = fd;
    return 0;
}

int
nfi_ivshmem_map(const struct nfi_ivshmem_device *device, int prot,
                uint64_t size, void **pp, struct nf_error *err)
{
    int flags = prot & PROT_WRITE ? O_RDWR : O_RDONLY;
    int fd = open_attribute(device->dir, device->address, MEMORY_WC, flags);
    void *p = MAP_FAILED;
    int error;

    if (fd < 0 && errno == ENOENT) {
        fd = open_attribute(device->dir, device->address, MEMORY, flags);
    }
    if (fd >= 0) {
        p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
    }
    error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (p == MAP_FAILED) {
        return nfi_ivshmem_error(device, error, err);
    }
    *pp = p;
    return 0;
}

/* Says what the memory that starts with the PEEK_SIZE bytes at 'page' is.
 * The peer may write to it, so it is copied first. */
static void
classify(struct nfi_ivshmem_device *device, const void *page)
{
    struct vhc_ctrl_host host;
    struct vhc_pool_sb sb;

    memcpy(&host, page, offsetof(struct vhc_ctrl_host, answer));
    memcpy(&sb, page, sizeof sb);

    /* Where the switch removed the file, only the magic is gone. */
    if (host.magic == VHC_RING_MAGIC
        || (!host.magic && host.abi_version == VHC_ABI_VERSION
            && host.size == device->size)) {
        device->kind = host.magic ? NFI_IVSHMEM_RING : NFI_IVSHMEM_OLD_RING;
        device->abi_version = host.abi_version;
        nfi_copy_name(device->port, host.port_name, VHC_NAME_SIZE);
        nfi_copy_name(device->pool, host.pool_name, VHC_NAME_SIZE);
        memcpy(device->pool_uuid, host.pool_uuid, VHC_UUID_SIZE);
    } else if (sb.magic == VHC_POOL_MAGIC
               || (!sb.magic && sb.abi_version == VHC_ABI_VERSION
                   && sb.size == device->size)) {
        device->kind = sb.magic ? NFI_IVSHMEM_POOL : NFI_IVSHMEM_OLD_POOL;
        device->abi_version = sb.abi_version;
        nfi_copy_name(device->pool, sb.name, VHC_NAME_SIZE);
        memcpy(device->pool_uuid, sb.uuid, VHC_UUID_SIZE);
    }
}

static void
peek(struct nfi_ivshmem_device *device)
{
    struct stat s;
    void *page;
    int fd = -1;

    device->error = nfi_ivshmem_open(device, &fd, NULL);
    if (device->error) {
        return;
    }
    device->error = fstat(fd, &s) ? errno : 0;
    close(fd);
    if (device->error || s.st_size < PEEK_SIZE) {
        return;
    }

    device->size = s.st_size;
    device->error = nfi_ivshmem_map(device, PROT_READ, PEEK_SIZE, &page,
                                    NULL);
    if (!device->error) {
        classify(device, page);
        munmap(page, PEEK_SIZE);
    }
}

static int
add_device(struct nfi_ivshmem *scan, const char *address)
{
    struct nfi_ivshmem_device *devices
        = realloc(scan->devices, (scan->n_devices + 1) * sizeof *devices);

    if (!devices) {
        return ENOMEM;
    }
    scan->devices = devices;

    struct nfi_ivshmem_device *device = &devices[scan->n_devices++];

    *device = (struct nfi_ivshmem_device) { .dir = scan->dir };
    memcpy(device->address, address, strlen(address) + 1);
    enable(scan->dir, address);
    peek(device);
    return 0;
}

static int
compare_addresses(const void *a_, const void *b_)
{
    const struct nfi_ivshmem_device *a = a_;
    const struct nfi_ivshmem_device *b = b_;

    return strcmp(a->address, b->address);
}

int
nfi_ivshmem_scan(struct nfi_ivshmem *scan, const char *dir,
                 struct nf_error *err)
{
    const struct dirent *entry;
    int error = 0;
    DIR *stream;

    *scan = (struct nfi_ivshmem) { .n_devices = 0 };
    if (!dir) {
        dir = NFI_PCI_DEVICES;
    }
    stream = opendir(dir);
    if (!stream) {
        error = errno;
        return nfi_error(err, error, "cannot look for PCI devices in %s: %s "
                         "(is sysfs mounted?); on the host itself, name a "
                         "ring file by a path with a '/'", dir,
                         strerror(error));
    }

    scan->dir = strdup(dir);
    error = scan->dir ? 0 : ENOMEM;
    while (!error && (entry = readdir(stream))) {
        const char *name = entry->d_name;

        if (name[0] != '.' && strlen(name) < NF_DEVICE_SIZE
            && attribute_is(dir, name, "vendor", VENDOR)
            && attribute_is(dir, name, "device", DEVICE)) {
            error = add_device(scan, name);
        }
    }
    closedir(stream);
    if (error) {
        nfi_ivshmem_destroy(scan);
        return nfi_error(err, error, "out of memory");
    }
    if (scan->n_devices) {
        qsort(scan->devices, scan->n_devices, sizeof *scan->devices,
              compare_addresses);
    }
    return 0;
}

void
nfi_ivshmem_destroy(struct nfi_ivshmem *scan)
{
    free(scan->devices);
    free(scan->dir);
    *scan = (struct nfi_ivshmem) { .n_devices = 0 };
}
