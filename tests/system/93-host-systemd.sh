#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# 'ovs-chain enable' and 'disable' on a host with systemd: the switch is the
# one of its unit all the time, also after a start that failed.
#
#   left --- left-nic --- br0 --- tap0      br0, tap0: with addresses
#                          |
#                         vm                testpmd, as a plain VM

# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

host_begin_test --systemd
host_before
host_install

unit() {
    in_root systemctl is-active ovs-vswitchd
}

# The unit that the switch's process is in.
unit_of_switch() {
    in_root sed -n 's|^0::.*/||p' "/proc/$(in_root cat \
        /run/openvswitch/ovs-vswitchd.pid)/cgroup"
}

of_unit() {
    is "the unit is active" active unit
    is "and has the switch" ovs-vswitchd.service unit_of_switch
    is "which it starts again if it dies" on-failure \
        in_root systemctl show --property Restart --value ovs-vswitchd
    ok "all else is as before" same_picture
}

of_unit
ok "enable" traffic_meanwhile ovs-chain enable
is "the patched switch runs" "$ours" running
of_unit
traffic "the patched switch"

ok "disable" traffic_meanwhile ovs-chain disable
is "Debian's switch runs" "$debian_dpdk" running
of_unit
traffic "Debian's switch again"

# The unit fails, as often as systemd lets it.
instead "$ours" << 'END'
case $1 in --version) exec "$real" "$@" ;; esac
exit 1
END
for _ in 1 2 3; do
    refused "'Starting $ours' failed" ovs-chain enable
    of_unit
done
slow_start
killed
traffic "after the commands"
ok "disable" ovs-chain disable
of_unit
ok "enable" ovs-chain enable
is "the patched switch runs" "$ours" running
of_unit

# What is removed goes back by itself, if a package removes it.
host_debs || ok "disable" ovs-chain disable
host_remove
is "Debian's switch runs" "$debian_dpdk" running
of_unit
traffic "Debian's switch in the end"
ok "nothing is left: files, alternatives, hugepages, mounts" \
    diff "$scratch/leftovers" <(leftovers)
