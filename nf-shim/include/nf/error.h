/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NF_ERROR_H
#define NF_ERROR_H 1

/* The one error convention of libnf-shim.
 *
 * A function that can fail returns 0 or a positive errno value, and writes to
 * the caller's 'struct nf_error' one line for a person to read: what failed,
 * on which file, and what would be right.  It has no newline at its end.  A
 * null pointer is accepted where the words are not wanted. */

struct nf_error {
    char text[512];             /* NUL-terminated. */
};

#endif /* nf/error.h */
