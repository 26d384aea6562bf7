/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VHC_ERROR_H
#define VHC_ERROR_H 1

/* The library's error convention: functions return 0 or a positive errno
 * value and, where a person will want to know more, put a message for that
 * person in '*errp'. */

/* Stores a malloc()ed message in '*errp', if 'errp' is nonnull, and returns
 * 'error'.  The caller must have no message in '*errp' yet. */
int vhc_error(char **errp, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* error.h */
