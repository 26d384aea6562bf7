/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int
vhc_error(char **errp, int error, const char *format, ...)
{
    va_list args;

    if (errp) {
        va_start(args, format);
        if (vasprintf(errp, format, args) < 0) {
            *errp = NULL;
        }
        va_end(args);
    }
    return error;
}
