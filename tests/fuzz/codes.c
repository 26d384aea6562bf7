/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "codes.h"

#define OP(NAME) #NAME,

const char *const rx_names[] = { RX_OPS };
const char *const ledger_names[] = { LEDGER_OPS };
const char *const resume_names[] = { RESUME_OPS };
const char *const layout_names[] = { LAYOUT_OPS };
