#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A VM with the shim, a VM that knows nothing of chains, a process, a NIC in
# the pool and an internal port in chains of several orders: copied where one
# side is not in the pool, and only there, and chain/show says where.
#
#     tap ... vm ... k0[kernel]k1 ... fw ... NIC right --- right
#
# 'vm' is a VM with the shim on a chain port, 'fw' a process on another.
# 'kernel' is a VM whose kernel routes IP from port 'k0' to port 'k1'; its
# switch ports are plain ones.

# shellcheck source=vm.sh
. "$(dirname "$0")/vm.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
quiet_host right 192.0.2.2
nic_port right right-nic options:chain-pool=blue
cmd ovs-vsctl add-port br0 tap -- set Interface tap type=internal
soon "the tap is there" ip -n "$netns" link set tap up
chain_port fw
vm_port vm
plain_port k0
plain_port k1
tap=$netns:tap

# Frames as frames.py makes them go to the first address, from the second.
mac[k0]=02:00:00:c0:ff:00
mac[k1]=02:00:00:c0:ff:ee
boot vm vm nf-forward
boot_plain kernel k0 k1
nf fw nf-forward
all_attached vm
all_up kernel

# routes VM DEVICE: a guest's kernel sends frames.py's packets on to DEVICE,
# and says nothing else.
routes() {
    ok "the kernel of $1 routes to $2" in_vm "$1" "cd /proc/sys/net/ipv4 &&
        echo 0 > conf/all/send_redirects && echo 0 > conf/$2/send_redirects &&
        ip route add 198.51.100.2 dev $2 &&
        arp -i $2 -s 198.51.100.2 ${mac[k0]} && echo 1 > ip_forward"
}
routes kernel eth1

# path PORT...: packets go from port to port.  The flow undoes what a router
# does to a packet, for a comparison byte for byte.
path() {
    local from=$1 to
    cmd ovs-ofctl del-flows br0
    for to in "${@:2}"; do
        case $from:$to in
        k0:k1) ;;
        k1:*) cmd ovs-ofctl add-flow br0 \
            "in_port=k1,ip,actions=mod_nw_ttl:64,output:$to" ;;
        *) cmd ovs-ofctl add-flow br0 "in_port=$from,actions=output:$to" ;;
        esac
        from=$to
    done
}

# A router passes IP only.
exchange_ip() {
    exchange "$1" "$2" --count 100 --size 42 &&
        exchange "$1" "$2" --count 100 --size 1514
}

# hop TO FROM: packets by reference and copied, since the last look.
declare -A seen
hop() {
    query "' '.join(str(hop('$1','$2')[how]) for how in \
('by_reference', 'copied'))"
}
look() {
    local one
    for one in vm fw; do
        seen[$one]=$(query "' '.join(str(sum(hop[how] \
for hop in port('$one')['hops'])) for how in ('by_reference', 'copied'))")
    done
}
# went TO BY_REFERENCE COPIED: what has come to a port since the last look.
went() {
    local before
    read -ra before <<< "${seen[$1]}"
    is "to $1 since: $2 by reference, $3 copied" \
        "$((before[0] + $2)) $((before[1] + $3))" \
        query "' '.join(str(sum(hop[how] for hop in port('$1')['hops'])) \
for how in ('by_reference', 'copied'))"
}

look
path tap vm fw right
ok "frames pass tap, vm, fw, right" exchange "$tap" right --count 300
went vm 0 300
went fw 300 0
is "from outside to vm" '0 300' hop vm outside
is "from vm to fw" '300 0' hop fw vm

look
path right fw vm tap
ok "frames pass right, fw, vm, tap" exchange right "$tap" --count 300
went fw 300 0
went vm 300 0
is "from the NIC to fw" '300 0' hop fw nic
is "from fw to vm" '300 0' hop vm fw

look
path tap fw k0 k1 vm right
ok "frames pass tap, fw, kernel, vm, right" exchange_ip "$tap" right
went fw 0 200
went vm 0 200

look
path right vm k0 k1 fw tap
ok "frames pass right, vm, kernel, fw, tap" exchange_ip right "$tap"
went vm 200 0
went fw 0 200

look
path right k0 k1 vm fw tap
ok "frames pass right, kernel, vm, fw, tap" exchange_ip right "$tap"
went vm 0 200
went fw 200 0
is "from outside to vm in all" '0 700' hop vm outside
is "from outside to fw in all" '0 400' hop fw outside
soon_is "the VM without the shim got all of them" 600 \
    interface k0 statistics:tx_packets
is "nothing took a chain port's copy lane" 0 \
    query "sum(port['copy_rx_packets'] + port['copy_tx_packets'] \
+ port['rx_local'] for port in ports)"
balanced

# Without its NF, the VM with the shim is a VM like any other.
end_guest_nf vm
soon_is "vm is free" detached query "port('vm')['state']"
is "its link is up: the guest is there" up interface vm link_state
routes vm eth0
look
path tap vm fw right
address=$(in_vm vm "cat /sys/class/net/eth0/address")
cmd ovs-ofctl add-flow br0 \
    "in_port=tap,actions=mod_dl_dst:$address,output:vm"
cmd ovs-ofctl add-flow br0 "in_port=vm,ip,priority=40000,\
actions=mod_dl_src:${mac[k1]},mod_nw_ttl:64,output:fw"
ok "frames pass tap, the kernel of vm, fw, right" exchange_ip "$tap" right
went vm 0 0
went fw 0 200
is "they took the copy lane of vm, both ways" '200 200' \
    query "'%d %d' % (port('vm')['copy_rx_packets'], \
port('vm')['copy_tx_packets'])"
shows() {
    ovs-appctl chain/show > "$scratch/show" && grep -q "$1" "$scratch/show"
}
ok "chain/show tells the copy lane" shows \
    "copy lane: 200 packets from the guest's kernel, 200 to it (0 by the NF)"
ok "chain/show tells where it was copied" \
    shows 'from outside: 0 by reference, 600 copied'

guest_nf vm nf-forward
soon "it attaches" attached vm
look
path tap vm fw right
ok "frames pass tap, vm, fw, right again" exchange "$tap" right --count 300
went vm 0 300
went fw 300 0
is "the copy lane is as it was" '200 200' \
    query "'%d %d' % (port('vm')['copy_rx_packets'], \
port('vm')['copy_tx_packets'])"

is "no reference was refused" 0 \
    query "sum(sum(port['drops'].values()) for port in ports)"
balanced
end_vm vm
end_vm kernel
end_nf fw
all_free
