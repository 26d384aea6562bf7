#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pkt_mark both ways: what a flow sets the NF sees, and what the NF sets a flow
# matches.
#
#   left --- NIC left --- fw --- NIC right --- right
#                          |
#                         ids    for what nf-firewall marks

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
chain_port ids

add_flow() {
    cmd ovs-ofctl add-flow br0 "$1"
}

# The probe prints each mark and adds 1 to it.
probe fw --print --mark 1
marks() {
    grep -c "^mark $1 " "$dir/fw.log" || :
}

add_flow 'in_port=left,actions=set_field:0x12345678->pkt_mark,fw'
add_flow 'in_port=fw,pkt_mark=0x12345679,actions=right'
add_flow 'priority=1,in_port=fw,actions=drop'
ok "frames pass" exchange left right --count 100
soon_is "the NF saw the flow's mark" 100 marks 0x12345678
soon_is "the flow saw the NF's mark" 100 \
    flow_packets in_port=fw,pkt_mark=0x12345679
is "no packet had another" 100 flow_packets in_port=fw

add_flow 'in_port=right,actions=fw'
add_flow 'in_port=fw,pkt_mark=0x1,actions=left'
ok "frames without a mark pass" exchange right left --count 100
soon_is "the NF saw no mark" 100 marks 0x00000000

# Half a mark each: the path's in the upper 16 bits, the NF's in the lower.
add_flow 'in_port=left,actions=set_field:0x70000/0xffff0000->pkt_mark,fw'
add_flow 'in_port=fw,pkt_mark=0x70000/0xffff0000,actions=right'
ok "frames pass by a masked match" exchange left right --count 100
soon_is "the NF saw the path" 100 marks 0x00070000

# nf-firewall marks what goes to port 53, and a flow leads that elsewhere.
end_nf fw
soon_is "the NF is gone" detached query "port('fw')['state']"
printf '%s\n' 'allow mark 0x2 proto udp dport 53' 'default allow' \
    > "$scratch/rules"
nf fw nf-firewall --rules "$scratch/rules"
nf ids nf-forward
add_flow 'priority=40000,in_port=fw,pkt_mark=0x70002,actions=ids'
add_flow 'in_port=ids,pkt_mark=0x70002,actions=right'
ok "frames that the firewall does not mark pass" \
    exchange left right --count 50 --size 100 --dst-port 80
is "and not through ids" 0 query "port('ids')['tx_packets']"
ok "frames that it marks pass" \
    exchange left right --count 50 --size 100 --dst-port 53
is "through ids" 50 query "port('ids')['tx_packets']"
balanced
