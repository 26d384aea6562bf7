/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "fuzz.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* FNV-1a, 64 bits. */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool prints_digests, prints_steps;
static uint64_t digest;

static uint64_t
add(uint64_t hash, const void *p_, size_t size)
{
    const uint8_t *p = p_;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ p[i]) * FNV_PRIME;
    }
    return hash;
}

void
fuzz_note_bytes(const void *p, size_t size)
{
    if (prints_digests) {
        digest = add(digest, p, size);
    }
}

void
fuzz_note(uint64_t value)
{
    fuzz_note_bytes(&value, sizeof value);
}

void
fuzz_trace(const char *format, ...)
{
    if (prints_steps) {
        va_list args;

        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
        fflush(stdout);
    }
}

/* cmocka's own would end the test, of which there is none here. */
void
_fail(const char *file, int line)
{
    fprintf(stderr, "%s:%d: this must not be\n", file, line);
    abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;
    prints_digests = getenv("FUZZ_DIGEST") != NULL;
    prints_steps = getenv("FUZZ_TRACE") != NULL;
    fuzz_start();
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    digest = FNV_BASIS;
    fuzz_one(data, size);
    if (prints_digests) {
        printf("digest %016"PRIx64" %016"PRIx64"\n",
               add(FNV_BASIS, data, size), digest);
        fflush(stdout);
    }
    return 0;
}
