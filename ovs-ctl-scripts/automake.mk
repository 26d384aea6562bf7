# SPDX-License-Identifier: Apache-2.0
#
# The operator's command and its parts.

EXTRA_DIST += ovs-ctl-scripts/step.sh

dist_sbin_SCRIPTS += ovs-ctl-scripts/ovs-chain

ovschaindir = $(datadir)/ovs-chain
dist_ovschain_DATA = \
	ovs-ctl-scripts/apply.py \
	ovs-ctl-scripts/chains.py \
	ovs-ctl-scripts/common.sh \
	ovs-ctl-scripts/complete.sh \
	ovs-ctl-scripts/definition.py \
	ovs-ctl-scripts/demo-vms.sh \
	ovs-ctl-scripts/demo.chain \
	ovs-ctl-scripts/demo.rules \
	ovs-ctl-scripts/devices.py \
	ovs-ctl-scripts/doctor.py \
	ovs-ctl-scripts/doctor_host.py \
	ovs-ctl-scripts/doctor_result.py \
	ovs-ctl-scripts/doctor_switch.py \
	ovs-ctl-scripts/doctor_vms.py \
	ovs-ctl-scripts/domain.py \
	ovs-ctl-scripts/exporter.py \
	ovs-ctl-scripts/facts.py \
	ovs-ctl-scripts/fetch.py \
	ovs-ctl-scripts/flows.py \
	ovs-ctl-scripts/follow.py \
	ovs-ctl-scripts/graph.py \
	ovs-ctl-scripts/guest-ports.py \
	ovs-ctl-scripts/guest.sh \
	ovs-ctl-scripts/host-restart.sh \
	ovs-ctl-scripts/host-status.sh \
	ovs-ctl-scripts/host.sh \
	ovs-ctl-scripts/hugepages.sh \
	ovs-ctl-scripts/instance.sh \
	ovs-ctl-scripts/libvirt.sh \
	ovs-ctl-scripts/metrics.py \
	ovs-ctl-scripts/placement.py \
	ovs-ctl-scripts/report.py \
	ovs-ctl-scripts/sample.py \
	ovs-ctl-scripts/show.py \
	ovs-ctl-scripts/snapshot.py \
	ovs-ctl-scripts/switch.py \
	ovs-ctl-scripts/top.py \
	ovs-ctl-scripts/topology.sh \
	ovs-ctl-scripts/vm-run.sh \
	ovs-ctl-scripts/vm.sh \
	ovs-ctl-scripts/vmlinux.py
dist_ovschain_SCRIPTS = \
	ovs-ctl-scripts/demo \
	ovs-ctl-scripts/guest-init \
	ovs-ctl-scripts/guest-nf-run \
	ovs-ctl-scripts/image \
	ovs-ctl-scripts/libvirt-guard

completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = ovs-ctl-scripts/completion/ovs-chain
