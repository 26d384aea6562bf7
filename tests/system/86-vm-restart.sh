#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The switch goes and comes back under running VMs; so do a port and, with new
# VMs, a pool.
#
#   left --- NIC left === fw === ids === NIC right --- right
#
# 'fw' and 'ids' are NFs in VMs; 'ids' may only read.  The kernel of the guest
# 'fw' has an address, too.

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

# For two pools of 32 MiB: VMs keep the memory of one that is removed.
memory=256
start --pools 64 --memory "$memory"
guest=192.0.2.9
closed="the port was deleted or reconfigured"
path='left <-> fw <-> ids <-> right'
pool_settings="size=32M,dir=$OVS_CHAIN_HUGE"
define_pool "$pool_settings"
add_bridge
two_hosts options:chain-pool=blue
vm_port fw
vm_port ids options:chain-access=ro
chains "$path"
boot_fw() {
    boot fw fw --address "$guest/24" nf-forward
}
boot_ids() {
    boot ids ids nf-monitor
}
boot_fw
boot_ids
all_attached fw ids

# works WHAT: frames pass by reference, and the guest's kernel answers.
works() {
    local before vm
    before=$(query "hop('fw','ids')['by_reference']")
    ok "$1: frames arrive on the left" exchange right left --count 200
    ok "$1: frames arrive on the right" exchange left right --count 100
    is "$1: they passed by reference" $((before + 200)) \
        query "hop('fw','ids')['by_reference']"
    is "$1: nothing was copied on the way to an NF" 0 \
        query "sum(port['tx_copied'] for port in ports)"
    soon "$1: the guest's kernel answers" ip netns exec "$netns-left" \
        busybox ping -c 1 -W 5 "$guest"
    for vm in fw ids; do
        is "$1: $vm was not restarted" 1 said "$vm" '^guest: up after'
    done
    balanced
}

# How often a VM has said something.
said() {
    grep -c -e "$2" "$dir/$1.log" || :
}
at_least() {
    [ "$("${@:2}")" -ge "$1" ]
}
# says WHAT N PATTERN VM...: an NF says it for the Nth time.
says() {
    local vm
    for vm in "${@:4}"; do
        soon "$1: $vm says '${3//@/$vm}'" \
            at_least "$2" said "$vm" "${3//@/$vm}"
    done
}

# The NFs stay attached: they need not notice.
starts_again() {
    local port
    soon "$1: the switch is gone" not instance_runs
    ok "$1: it starts again" instance_switch "$memory"
    soon "$1: the bridge is there" ovs-ofctl show br0
    chains "$path"
    ok "$1: the NFs are attached at once" attached fw ids
    works "$1"
    for port in fw ids; do
        is "$1: $port is attached as before" 1 \
            query "port('$port')['generation']"
        is "$1: $port has not been detached" 0 said "$port" 'detached:'
    done
}

works "at first"

for _ in 1 2 3; do
    cmd kill -KILL "$(instance_pid ovs-vswitchd)"
    starts_again "killed"
done
cmd ovs-appctl exit
starts_again "restarted"

cmd ovs-vsctl del-port br0 ids
says "port deleted" 1 "detached: port @: $closed" ids
says "port deleted" 1 "waiting: port @: the switch does not answer" ids
ok "fw does not notice" attached fw
vm_port ids options:chain-access=ro
soon "port added: the NF attaches again" attached ids
chains "$path"
works "port added"

# The VMs go on mapping the files of a pool that is none any more.
for port in fw ids left right; do
    cmd ovs-vsctl del-port br0 "$port"
done
cmd ovs-vsctl remove Open_vSwitch . other_config "chain-pool-$pool"
gone='waiting: PCI device .* was p.*, but the switch has removed or replaced '
says "pool removed" 1 "$gone" fw ids
says "pool removed" 1 'give the VM the devices of the port anew' fw ids
define_pool "$pool_settings"
nic_port left left-nic options:chain-pool=blue
nic_port right right-nic options:chain-pool=blue
vm_port fw
vm_port ids options:chain-access=ro
chains "$path"
is "a new pool: no NF of an old VM is attached" 0 \
    query "sum(port['state'] == 'attached' for port in ports)"
end_vm fw
end_vm ids
boot_fw
boot_ids
all_attached fw ids
works "pool made anew"

# A VM that goes while there is no switch to notice it.
cmd kill -KILL "$(instance_pid ovs-vswitchd)"
soon "the switch is gone" not instance_runs
end_vm ids KILL
ok "it starts again" instance_switch "$memory"
soon_is "the NF whose VM was killed is gone" detached \
    query "port('ids')['state']"
is "it owns nothing" 0 query "port('ids')['owned']"
is "the other one is there" attached query "port('fw')['state']"
balanced

end_vm fw
soon_is "no port owns a buffer" 0 query "sum(p['owned'] for p in ports)"
balanced
all_free
ok "the switch lives" instance_runs
