/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int
nfi_error(struct nf_error *err, int error, const char *format, ...)
{
    if (err) {
        va_list args;

        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return error;
}

void
nfi_copy_name(char *dst, const char *src, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = __atomic_load_n(&src[i], __ATOMIC_RELAXED);

        dst[i] = c == '\0' || (c >= ' ' && c <= '~') ? c : '?';
    }
    dst[size - 1] = '\0';
}
