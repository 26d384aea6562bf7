/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vhc/drops.h"

#include <stddef.h>

const char *
vhc_drop_name(enum vhc_drop drop)
{
    switch (drop) {
#define VHC_DROP_REASON(CODE, NAME, TEXT) \
    case VHC_DROP_##CODE: return NAME;
    VHC_DROPS
#undef VHC_DROP_REASON
    case VHC_NO_DROP:
    case VHC_N_DROPS:
    default:
        return NULL;
    }
}
