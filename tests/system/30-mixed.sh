#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Chain ports, a plain vhost-user port, an internal port and a plain NIC in one
# bridge: copied where it must be, and only there.
#
#   tap --- fw ... vm ... red --- NIC right --- right
#
# 'fw' and 'fw2' are of pool blue, 'red' is of pool red, 'vm' is of none:
# testpmd, which sends back what it gets.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

command -v dpdk-testpmd > /dev/null || skip "no dpdk-testpmd"

start --pools 192
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-red="size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
quiet_host right 192.0.2.2
nic_port right right-nic
chain_port fw
chain_port fw2
pool=red chain_port red
cmd ovs-vsctl add-port br0 tap -- set Interface tap type=internal
soon "the tap is there" ip -n "$netns" link set tap up

testpmd_port vm

nf fw nf-forward
nf fw2 nf-forward
pool=red nf red nf-forward
add_flow() {
    cmd ovs-ofctl add-flow br0 "$1"
}
tap=$netns:tap

add_flow in_port=tap,actions=fw
add_flow in_port=fw,actions=vm
add_flow in_port=vm,actions=red
add_flow in_port=red,actions=right
ok "frames pass from tap to NIC" exchange "$tap" right --count 500
is "one copy into pool blue" 500 query "hop('fw','outside')['copied']"
is "one copy into pool red" 500 query "hop('red','outside')['copied']"
is "no reference between them" 0 \
    query "sum(port['tx_by_reference'] for port in ports)"
soon_is "the plain port got all of them" 500 interface vm statistics:tx_packets
balanced
pool=red balanced

cmd ovs-ofctl del-flows br0
add_flow in_port=right,actions=red
add_flow in_port=red,actions=fw
add_flow in_port=fw,actions=tap
ok "frames pass from NIC to tap" exchange right "$tap" --count 500
is "one copy more into each pool" 2000 \
    query "sum(port['tx_copied'] for port in ports)"

# A packet for two ports is cloned; each gets it, and one copy has to be made.
cmd ovs-ofctl del-flows br0
add_flow in_port=right,actions=fw
add_flow in_port=fw,actions=fw2,tap
add_flow in_port=fw2,actions=drop
ok "frames pass to two ports" exchange right "$tap" --count 500
soon_is "the second one got them, too" 500 \
    query "port('fw2')['rx_packets']"
balanced
pool=red balanced
ok "the switch lives" instance_runs
