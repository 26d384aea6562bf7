/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "kernel.h"

#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>

/* As the sources under test know them. */
int fuzz_clock_gettime(clockid_t id, struct timespec *ts);
ssize_t fuzz_getrandom(void *p, size_t size, unsigned flags);
void *fuzz_mmap(void *addr, size_t size, int prot, int flags, int fd,
                off_t off);
int fuzz_munmap(void *addr, size_t size);
int fuzz_fallocate(int fd, int mode, off_t off, off_t len);

struct kernel kernel;

void
kernel_reset(uint64_t seed)
{
    kernel = (struct kernel) { .now_ms = 1000000, .random = seed };
}

int
fuzz_clock_gettime(clockid_t id, struct timespec *ts)
{
    (void) id;
    *ts = (struct timespec) {
        .tv_sec = kernel.now_ms / 1000,
        .tv_nsec = kernel.now_ms % 1000 * 1000000,
    };
    return 0;
}

/* A linear congruential generator (Knuth, "The Art of Computer Programming",
 * vol. 2, 3.3.4), of whose numbers the upper bits are used. */
ssize_t
fuzz_getrandom(void *p_, size_t size, unsigned flags)
{
    uint8_t *p = p_;

    (void) flags;
    for (size_t i = 0; i < size; i++) {
        kernel.random = kernel.random * UINT64_C(6364136223846793005)
                        + UINT64_C(1442695040888963407);
        p[i] = kernel.random >> 56;
    }
    return size;
}

void *
fuzz_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t off)
{
    void *p = mmap(addr, size, prot, flags, fd, off);

    if (p != MAP_FAILED && flags & MAP_SHARED && !(flags & MAP_FIXED)
        && kernel.mapped) {
        kernel.mapped(p, size);
    }
    return p;
}

int
fuzz_munmap(void *addr, size_t size)
{
    if (kernel.unmapped) {
        kernel.unmapped(addr);
    }
    return munmap(addr, size);
}

/* The pages come when they are touched. */
int
fuzz_fallocate(int fd, int mode, off_t off, off_t len)
{
    (void) fd;
    (void) mode;
    (void) off;
    (void) len;
    return 0;
}
