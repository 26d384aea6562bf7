#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slow
#
# 'ovs-chain doctor' names what is wrong, and the commands that it prints mend
# it, on a host with Debian's Open vSwitch and then the patched one.
#
#   br0 --- fw      nf-forward
#       --- vm      a port for a VM

# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

# doctor STATUS: its status, and what it says in 'scratch/doctor'.
doctor() {
    local status=0
    ovs-chain doctor > "$scratch/doctor" 2>&1 || status=$?
    [ "$status" -eq "$1" ] ||
        fail "doctor ended with $status: $(< "$scratch/doctor")"
}

# finds CHECK TEXT: it fails, by that and no other name.
finds() {
    doctor 1
    grep -F -e "FAIL: $1: " "$scratch/doctor" || :
    grep "^FAIL: $1: " "$scratch/doctor" | grep -qF -e "$2" ||
        fail "doctor does not find '$2': $(< "$scratch/doctor")"
    say "ok: doctor finds: $2"
}

# mends CHECK: runs the commands that are printed with a failure; then it is
# none any more.
mends() {
    awk -v head="FAIL: $1:" 'index($0, head) == 1 { on = 1; next }
        on && /^          / { print; next } { on = 0 }' \
        "$scratch/doctor" | tee "$scratch/commands"
    ok "there is a command" [ -s "$scratch/commands" ]
    in_root sh -e < "$scratch/commands"
    wait_for "$patience" no_longer "$1" ||
        fail "that does not mend it: $(< "$scratch/doctor")"
    say "ok: that mends it"
}

no_longer() {
    ovs-chain doctor > "$scratch/doctor" 2>&1 || :
    not grep -q "^FAIL: $1:" "$scratch/doctor"
}

fine() {
    doctor 0
    say "ok: doctor finds nothing: $1"
}

host_begin_test
host_install
root=$(root_path '')

# Not started; started; without DPDK.
finds switch 'Open vSwitch does not run'
cmd in_root update-alternatives --set ovs-vswitchd "$debian_dpdk"
mends switch 8>&-
finds selected "$debian_dpdk is selected for ovs-vswitchd, which knows no"
finds dpdk 'DPDK is off'
host_switch
finds selected 'knows no chains'
mends selected 8>&-
fine "the patched switch is enabled"
contains "what is well is told" '^ok:   version: Open vSwitch' \
    "$scratch/doctor"

define_pool size=32M,group=daemon
add_bridge
chain_port fw
background fw in_root nf-forward "/dev/shm/ovs-chain.$pool.fw"
soon "the NF attaches" attached fw
fine "a pool and a port"
for text in '^ok:   pools: blue' '^ok:   ports: fw has an NF' \
            '^ok:   hugetlbfs: mounted at /dev/hugepages'; do
    contains "doctor knows them" "$text" "$scratch/doctor"
done
ovs-chain doctor --json > "$scratch/json"
is "JSON has the same" "$(grep -c '^[okFAILnote]*: ' "$scratch/doctor")" \
    python3 -c 'import json, sys
print(len(json.load(sys.stdin)["checks"]))' < "$scratch/json"

# The program.
cmd in_root update-alternatives --set ovs-vswitchd "$debian_dpdk"
finds selected 'is selected for ovs-vswitchd, which knows no chains'
cmd in_root update-alternatives --set ovs-vswitchd "$ours"
fine "it is selected again"
mv "$root$ours" "$root$ours.real"
printf '%s\n' '#!/bin/sh' 'echo "ovs-vswitchd (Open vSwitch) 2.17.9"' \
    > "$root$ours"
chmod 755 "$root$ours"
finds version 'the patched switch is Open vSwitch 2.17.9, and openvswitch-'
mv "$root$ours.real" "$root$ours"
cmd in_root update-alternatives --remove ovs-vswitchd "$ours"
finds selected 'not registered as an alternative'
in_root update-alternatives --install /usr/sbin/ovs-vswitchd ovs-vswitchd \
    "$ours" 10
in_root update-alternatives --set ovs-vswitchd "$ours"

# A restart that did not come to its end.
cmd ovs-vsctl --no-wait set Open_vSwitch . \
    other_config:flow-restore-wait=true
finds restart 'the switch waits to be given its flows'
mends restart

# DPDK, hugepages, processors.
driver=$(in_root find /usr/lib -name 'librte_mempool_ring.so.*' -type f)
links=$(dirname "$driver")/dpdk
in_root find / -xdev -name 'librte_mempool_ring.so*' > "$scratch/drivers"
in_root tar -cf /root/drivers.tar -T - < "$scratch/drivers" 2> /dev/null
in_root xargs rm < "$scratch/drivers"
finds drivers "DPDK's driver for mempools is missing"
in_root tar -xf /root/drivers.tar -C /
fine "the driver is there again: $links"
config() {
    cmd ovs-vsctl set Open_vSwitch . "other_config:$1"
}
config chain-pool-vast=size=1024G
finds hugepages 'pools that are not there yet want 1048576'
finds pools 'pool vast is configured and not there'
cmd ovs-vsctl remove Open_vSwitch . other_config chain-pool-vast
config 'chain-pool-far="size=8M,dir=/srv/huge"'
finds hugetlbfs 'a pool is to lie in /srv/huge (dir=), which is on no'
finds pools 'pool far is configured and not there'
mends hugetlbfs
cmd ovs-vsctl remove Open_vSwitch . other_config chain-pool-far
cmd in_root umount /srv/huge
mask=$(ovs-vsctl get Open_vSwitch . other_config:pmd-cpu-mask | tr -d '"')
config pmd-cpu-mask=0x8000000000000000
finds cores 'processors that are not there: 63'
mends cores
config pmd-cpu-mask="$mask"
fine "all is as before"

# Ports and NFs.
pool=none chain_port bad
finds ports 'bad: '
cmd ovs-vsctl del-port br0 bad

# What QEMU may open: its user is no member of root's group.
in_root useradd --system --user-group libvirt-qemu
in_root mkdir -p /etc/libvirt
chain_port vm options:vhost-server-path=/run/vms/vm.sock
in_root sh -c "echo 'user = \"libvirt-qemu\"' > /etc/libvirt/qemu.conf"
soon "the port has a ring file" in_root test -e /dev/shm/ovs-chain.blue.vm
finds access 'QEMU runs as libvirt-qemu, group libvirt-qemu, and may not open'
finds access 'the directory /run/vms for the socket of vm is missing'
mends access
ok "the group has it" [ "$(in_root stat -Lc %G \
    /dev/shm/ovs-chain.blue.vm)" = libvirt-qemu ]
fine "QEMU may open the files"
in_root sh -c "echo 'group = \"games\"' >> /etc/libvirt/qemu.conf"
finds access 'QEMU runs as libvirt-qemu, group games, and may not open'

# The switch is gone, without and with the database.
cmd ovs-appctl exit
finds selected 'no ovs-vswitchd runs'
mends selected 8>&-
cmd in_root "$ovs_ctl" stop
finds switch 'Open vSwitch does not run'
mends switch
