# SPDX-License-Identifier: Apache-2.0
#
# The operator's command and its parts.

dist_sbin_SCRIPTS += ovs-ctl-scripts/ovs-chain

ovschaindir = $(datadir)/ovs-chain
dist_ovschain_DATA = \
	ovs-ctl-scripts/apply.py \
	ovs-ctl-scripts/common.sh \
	ovs-ctl-scripts/demo.chain \
	ovs-ctl-scripts/demo.rules \
	ovs-ctl-scripts/fetch.py \
	ovs-ctl-scripts/hugepages.sh \
	ovs-ctl-scripts/instance.sh \
	ovs-ctl-scripts/report.py \
	ovs-ctl-scripts/topology.sh
dist_ovschain_SCRIPTS = ovs-ctl-scripts/demo
