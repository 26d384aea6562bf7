#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# References that an NF has no right to send, and rings that cannot be: each is
# counted under its reason or ends the attachment, no buffer is lost, and an
# honest chain in the same pool loses no frame.  See hostile.sh.

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
pass_bad
honest_begin --seed 76
attacks 1 59
survived
