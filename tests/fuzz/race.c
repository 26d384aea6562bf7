/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "race.h"

#include <string.h>

#include "fuzz.h"

#define MAX_ARMED 8

/* Called by the compiler's code before each load. */
void __sanitizer_cov_load1(uint8_t *p);
void __sanitizer_cov_load2(uint16_t *p);
void __sanitizer_cov_load4(uint32_t *p);
void __sanitizer_cov_load8(uint64_t *p);
void __sanitizer_cov_load16(void *p);

struct map {
    uint8_t *base;
    size_t size;
    const uint8_t *kinds;
    bool honest;
    uint8_t seen[RACE_MAX_SIZE / 8]; /* A bit a byte. */
};

static struct map maps[RACE_MAX_MAPS];
static size_t n_maps;

static struct {
    unsigned skip;
    uint64_t value;
} armed[MAX_ARMED];
static size_t n_armed;

static bool running;

/* A write that is due, but the code has not loaded the old value yet. */
static uint8_t *due;
static size_t due_size;
static uint64_t due_value;

void
race_reset(void)
{
    n_armed = 0;
    running = false;
    due = NULL;
}

void
race_map(void *base, size_t size, const uint8_t *kinds, bool honest)
{
    struct map *map = &maps[n_maps++];

    assert_true(n_maps <= RACE_MAX_MAPS && size <= RACE_MAX_SIZE);
    map->base = base;
    map->size = size;
    map->kinds = kinds;
    map->honest = honest;
}

void
race_unmap(const void *base)
{
    for (size_t i = 0; i < n_maps; i++) {
        if (maps[i].base == base) {
            maps[i] = maps[--n_maps];
        }
    }
    due = NULL;
}

void
race_arm(unsigned skip, uint64_t value)
{
    if (n_armed < MAX_ARMED) {
        armed[n_armed].skip = skip;
        armed[n_armed++].value = value;
    }
}

bool
race_is_armed(void)
{
    return n_armed > 0;
}

void
race_begin(void)
{
    for (size_t i = 0; i < n_maps; i++) {
        memset(maps[i].seen, 0, (maps[i].size + 7) / 8);
    }
    running = true;
}

static void
write_due(void)
{
    if (due) {
        memcpy(due, &due_value, due_size);
        due = NULL;
    }
}

void
race_end(void)
{
    write_due();
    running = false;
}

static void
check_kind(struct map *map, size_t off, size_t size)
{
    for (size_t i = off; map->kinds && i < off + size; i++) {
        uint8_t bit = 1 << i % 8;

        if (map->kinds[i / RACE_UNIT] == RACE_NEVER) {
            fail_msg("byte %zu of shared memory is what the host wrote: "
                     "it must not be read back", i);
        }
        if (map->kinds[i / RACE_UNIT] == RACE_ONCE && map->seen[i / 8] & bit) {
            fail_msg("byte %zu of shared memory is read a second time", i);
        }
        map->seen[i / 8] |= bit;
    }
}

/* The writes due at this load take place at the next one, when the code has
 * what it loads now. */
static void
count_down(uint8_t *p, size_t size)
{
    for (size_t i = 0; i < n_armed; i++) {
        if (armed[i].skip) {
            armed[i].skip--;
        } else {
            fuzz_trace("    race: %zu bytes become %#llx", size,
                       (unsigned long long) armed[i].value);
            due = p;
            due_size = size;
            due_value = armed[i].value;
            armed[i--] = armed[--n_armed];
        }
    }
}

static void
shared_load(uint8_t *p, size_t size)
{
    for (size_t i = 0; i < n_maps; i++) {
        size_t off = p - maps[i].base;

        if (off < maps[i].size && size <= maps[i].size - off) {
            write_due();
            check_kind(&maps[i], off, size);
            if (!maps[i].honest) {
                count_down(p, size);
            }
            return;
        }
    }
}

/* Most loads are none of ours, so that this has to be short. */
#define LOAD(SIZE, TYPE)                                                    \
    __attribute__((no_sanitize("address", "undefined"))) void               \
    __sanitizer_cov_load##SIZE(TYPE *p)                                     \
    {                                                                       \
        if (running) {                                                      \
            shared_load((uint8_t *) p, SIZE);                               \
        }                                                                   \
    }

LOAD(1, uint8_t)
LOAD(2, uint16_t)
LOAD(4, uint32_t)
LOAD(8, uint64_t)
LOAD(16, void)
