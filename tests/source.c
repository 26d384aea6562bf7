/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1           /* For getline(). */

#include "source.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t
nibble(char c)
{
    return isdigit((unsigned char) c) ? c - '0' : tolower(c) - 'a' + 10;
}

static void
add(struct source *s, const char *line)
{
    size_t len = strspn(line, "0123456789abcdefABCDEF") / 2;
    struct source_frame *frame;

    s->frames = realloc(s->frames, (s->n_frames + 1) * sizeof *s->frames);
    frame = &s->frames[s->n_frames++];
    frame->data = malloc(len + 1);
    frame->len = len;
    frame->mark = strtoul(line + 2 * len, NULL, 16);
    for (size_t i = 0; i < len; i++) {
        frame->data[i] = nibble(line[2 * i]) << 4 | nibble(line[2 * i + 1]);
    }
}

void
source_load(struct source *s, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    *s = (struct source) { .next = 0 };
    if (!file) {
        probe_die("open", path);
    }
    while (getline(&line, &size, file) > 0) {
        add(s, line);
    }
    free(line);
    fclose(file);
    if (!s->n_frames) {
        errno = ENODATA;
        probe_die("read", path);
    }
}

uint16_t
source_copy(struct source *s, uint8_t *data)
{
    const struct source_frame *frame = &s->frames[s->next];

    memcpy(data, frame->data, frame->len);
    s->next = s->next + 1 < s->n_frames ? s->next + 1 : 0;
    return frame->len;
}

uint32_t
source_send(struct source *s, struct probe *p, uint32_t queue, uint32_t n)
{
    struct vhc_prod *tx = &p->tx[queue];
    struct vhc_cons *fill = &p->fill[queue];

    n = vhc_ring_reserve(tx, n);
    n = vhc_ring_peek(fill, n);
    for (uint32_t i = 0; i < n; i++) {
        struct vhc_desc desc = vhc_ring_get(fill, i);

        desc.mark = s->frames[s->next].mark;
        desc.len = source_copy(s, probe_buffer(p, desc.buf) + desc.off);
        vhc_ring_put(tx, i, &desc);
    }
    vhc_ring_release(fill, n);
    vhc_ring_submit(tx, n);
    return n;
}
