/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFI_ERROR_H
#define NFI_ERROR_H 1

/* Filling in a struct nf_error.  Names that start with "nfi_" are the
 * library's own and not exported.
 *
 * Thread-safety: the caller's, as for any memory. */

#include <stddef.h>

#include "nf/error.h"

/* Formats a message into 'err', unless that is NULL, and returns 'error', so
 * that a function can end in "return nfi_error(err, EINVAL, ...)". */
int nfi_error(struct nf_error *err, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies the name 'src', which may lie in memory that a peer writes to, into
 * the 'size' bytes at 'dst' and makes it fit to print. */
void nfi_copy_name(char *dst, const char *src, size_t size);

#endif /* error.h */
