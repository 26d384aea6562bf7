# SPDX-License-Identifier: Apache-2.0
#
# The patched Open vSwitch is built by ovs-patches/build, not by make, and
# checked by ovs-patches/check.

EXTRA_DIST += \
	ovs-patches/3.1 \
	ovs-patches/3.5 \
	ovs-patches/README.md \
	ovs-patches/build \
	ovs-patches/check \
	ovs-patches/glue \
	ovs-patches/isolated \
	ovs-patches/results.py \
	ovs-patches/source.sh \
	ovs-patches/verify
