/* SPDX-License-Identifier: Apache-2.0 */

/* What tests do in a guest that busybox cannot.
 *
 *     guest-probe list
 *         For each PCI device 1af4:1110, what its memory says: the device's
 *         address, "ring" and the port or "pool" and its name, and the uuid of
 *         the pool; or the address and "other".
 *     guest-probe poke DEVICE OFFSET VALUE
 *         Writes a 32-bit number to the memory of a PCI device, and prints the
 *         number that is there then.
 *     guest-probe send INTERFACE ETHERTYPE COUNT
 *         Sends frames of 60 bytes to the broadcast address.
 *
 * Statically linked, so that it runs in a guest as on the host. */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhc/abi.h"

#define DEVICES "/sys/bus/pci/devices/"
#define FRAME_LEN 60            /* Bytes. */

static _Noreturn void
die(const char *what, const char *name)
{
    fprintf(stderr, "guest-probe: %s: %s: %s\n", name, what, strerror(errno));
    exit(1);
}

static uint32_t
number(const char *s)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(s, &end, 0);
    if (errno || *end || end == s || n > UINT32_MAX) {
        errno = EINVAL;
        die("is no number of 32 bits", s);
    }
    return n;
}

/* Returns the number in a file of a PCI device in sysfs. */
static uint32_t
attribute(const char *device, const char *name)
{
    char path[256], line[32];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", device, name);
    file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) {
        die("cannot read", path);
    }
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return number(line);
}

/* Maps the memory of a PCI device.  It stays mapped. */
static void *
map(const char *device, int prot)
{
    char path[256];
    struct stat st;
    void *memory;
    int fd;

    snprintf(path, sizeof path, "%s/resource2", device);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        die("cannot open", path);
    }
    memory = mmap(NULL, st.st_size, prot, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        die("cannot map", path);
    }
    close(fd);
    return memory;
}

static void
print_uuid(const volatile uint8_t *uuid)
{
    for (int i = 0; i < VHC_UUID_SIZE; i++) {
        printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
               uuid[i]);
    }
    putchar('\n');
}

static void
print_device(const char *device)
{
    const void *memory = map(device, PROT_READ);
    const struct vhc_ctrl_host *ring = memory;
    const struct vhc_pool_sb *pool = memory;

    printf("%s ", device + strlen(DEVICES));
    if (ring->magic == VHC_RING_MAGIC) {
        printf("ring %.*s ", VHC_NAME_SIZE, ring->port_name);
        print_uuid(ring->pool_uuid);
    } else if (pool->magic == VHC_POOL_MAGIC) {
        printf("pool %.*s ", VHC_NAME_SIZE, pool->name);
        print_uuid(pool->uuid);
    } else {
        printf("other\n");
    }
}

static int
list(char *argv[])
{
    glob_t found;

    (void) argv;
    if (glob(DEVICES "*", 0, NULL, &found)) {
        die("is not there", DEVICES);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *device = found.gl_pathv[i];

        if (attribute(device, "vendor") == 0x1af4
            && attribute(device, "device") == 0x1110) {
            print_device(device);
        }
    }
    globfree(&found);
    return 0;
}

static int
poke(char *argv[])
{
    char device[256];
    uint32_t offset = number(argv[1]);
    uint8_t *memory;
    volatile uint32_t *word;

    snprintf(device, sizeof device, DEVICES "%s", argv[0]);
    memory = map(device, PROT_READ | PROT_WRITE);
    word = (volatile uint32_t *) (memory + offset);
    *word = number(argv[2]);
    printf("0x%08"PRIx32"\n", *word);
    return 0;
}

static int
send_frames(char *argv[])
{
    uint16_t type = htons(number(argv[1]));
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_ifindex = if_nametoindex(argv[0]),
    };
    uint8_t frame[FRAME_LEN] = { 255, 255, 255, 255, 255, 255, 2 };
    int fd = socket(AF_PACKET, SOCK_RAW, 0);

    memcpy(frame + 12, &type, sizeof type);
    for (uint32_t n = number(argv[2]); n; n--) {
        if (sendto(fd, frame, sizeof frame, 0, (struct sockaddr *) &to,
                   sizeof to) < 0) {
            die("cannot send", argv[0]);
        }
    }
    close(fd);
    return 0;
}

int
main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        int n_args;
        int (*run)(char *argv[]);
    } verbs[] = {
        { "list", 0, list },
        { "poke", 3, poke },
        { "send", 3, send_frames },
    };

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs && argc > 1; i++) {
        if (!strcmp(argv[1], verbs[i].name) && argc == verbs[i].n_args + 2) {
            return verbs[i].run(argv + 2);
        }
    }
    fprintf(stderr, "usage: guest-probe list | poke DEVICE OFFSET VALUE | "
            "send INTERFACE ETHERTYPE COUNT\n");
    return 2;
}
