# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += \
	man/libnf-shim.3 \
	man/nf-firewall.1 \
	man/nf-firewall.rules.5 \
	man/nf-forward.1 \
	man/nf-monitor.1 \
	man/ovs-chain-vm.8 \
	man/ovs-chain.8 \
	man/vhost-chain.7
