/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NF_SHIM_H
#define NF_SHIM_H 1

/* Everything that a network function needs of libnf-shim; libnf-shim(3) is
 * the reference. */

#include "nf/error.h"
#include "nf/main.h"
#include "nf/packet.h"
#include "nf/port.h"
#include "nf/run.h"

#endif /* nf/shim.h */
