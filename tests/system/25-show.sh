#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What "ovs-chain show" draws is what the flow table says and what the traffic
# does: it follows a rule, a mark, a group, and an NF that comes, hangs and
# goes.
#
#   left --- NIC left === fw === ids === NIC right --- right
#                           \=== red0, red1, for a group
#
# '===' is within the pool.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

chain=$prefix/sbin/ovs-chain
start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
for port in fw ids red0 red1; do
    chain_port "$port" options:chain-credits=256
    nf "$port" nf-forward
done
cmd ovs-vsctl set Interface fw options:chain-stall-timeout=200

# What is drawn, with the rates of an interval of 'interval' seconds, if any.
interval=0
drawn() {
    "$chain" show --interval "$interval" | sed '/^$/,$d'
}

# draws WHAT LINE...: these lines are drawn in the end, without rates.
draws() {
    local what=$1
    shift
    soon_is "$what" "$(say 'bridge br0:'; printf '  %s\n' "$@")" drawn
}

# draws_rates WHAT PATTERN: a line with rates is drawn that matches.
draws_rates() {
    interval=0.2
    matches() {
        drawn | tee "$scratch/drawn" | grep -qxE "$1"
    }
    soon "$1" matches "  $2"
    interval=0
}

draws "no flows" "no flows"
chains 'left <-> fw <-> ids <-> right'
way='left -> fw -> ids -> right'
back='right -> ids -> fw -> left'
own=('fw[pkt_mark=0/0xffff0000] -> left, right'
     'ids[pkt_mark=0/0xffff0000] -> left, right')
draws "both ways of a chain" "$way" "$back" "${own[@]}"

background ping ip netns exec "$netns-left" ping -i 0.01 192.0.2.2
n='[1-9][0-9.]*k?'
draws_rates "the way has rates" "left ->$n fw ->$n ids ->$n right"
draws_rates "the way back has" "right ->$n ids ->$n fw ->$n left"
draws_rates "what carries nothing has none" \
    'fw\[pkt_mark=0/0xffff0000\] ->0 left, right'
ok "pools and ports follow" grep -q '^port fw: pool blue, ' \
    <("$chain" show --interval 0)

# An NF hangs, and goes, and comes back.
kill -STOP "${nf_pid[fw]}"
draws "a stalled NF" 'left -> fw(stalled) -> ids -> right' \
    'right -> ids -> fw(stalled) -> left' \
    'fw(stalled)[pkt_mark=0/0xffff0000] -> left, right' "${own[1]}"
kill -CONT "${nf_pid[fw]}"
draws "that goes on" "$way" "$back" "${own[@]}"
end_nf fw KILL
draws "a killed NF" 'left -> fw(detached) -> ids -> right' \
    'right -> ids -> fw(detached) -> left' \
    'fw(detached)[pkt_mark=0/0xffff0000] -> left, right' "${own[1]}"
draws_rates "is where packets end" "left ->$n fw\(detached\) ->0 ids ->0 right"
nf fw nf-forward
draws "a new one" "$way" "$back" "${own[@]}"
draws_rates "through which they go" "left ->$n fw ->$n ids ->$n right"

# Rules by hand, each of which wins.
cmd ovs-ofctl add-flow br0 \
    'in_port=fw,pkt_mark=0x10000/0xffff0000,actions=right'
draws "a rule that skips ids" 'left -> fw -> right' \
    'right -> ids -> fw -> left' "${own[0]}" \
    'ids[pkt_mark=0x10000/0xffff0000] -> right' "${own[1]}"
draws_rates "is followed by packets" "left ->$n fw ->$n right"
cmd ovs-ofctl add-flow br0 \
    'priority=40000,in_port=fw,pkt_mark=0x10002,actions=ids'
draws "a rule for what an NF marks" 'left -> fw -> right' \
    '  fw[pkt_mark=0x10002] -> ids -> right' \
    'right -> ids -> fw -> left' "${own[@]}"
cmd ovs-ofctl add-flow br0 'priority=40000,in_port=left,udp,tp_dst=53,'\
'actions=drop'
draws "a rule with a 5-tuple" 'left -> fw -> right' \
    '  left[udp,tp_dst=53] -> drop' \
    '  fw[pkt_mark=0x10002] -> ids -> right' \
    'right -> ids -> fw -> left' "${own[@]}"
cmd ovs-ofctl del-flows br0 'in_port=left,udp'
cmd ovs-ofctl --strict del-flows br0 \
    'priority=40000,in_port=fw,pkt_mark=0x10002'

# A group of two replicas, and one that steps over an NF.
cmd ovs-ofctl -O OpenFlow15 add-group br0 'group_id=7,type=select,'\
'bucket=bucket_id:0,actions=output:red0,bucket=bucket_id:1,actions=output:red1'
cmd ovs-ofctl -O OpenFlow15 add-flow br0 \
    'in_port=fw,pkt_mark=0x10000/0xffff0000,actions=group:7'
for port in red0 red1; do
    cmd ovs-ofctl add-flow br0 "in_port=$port,actions=right"
done
draws "a group" 'left -> fw[select 7.0] -> red0 -> right' \
    '  fw[select 7.1] -> red1 -> right' 'right -> ids -> fw -> left' \
    "${own[0]}" 'ids[pkt_mark=0x10000/0xffff0000] -> right' "${own[1]}"
carries() {
    interval=0.2 drawn | grep -cE \
        "fw\[select 7\.[01]\] ->$n red[01] ->$n right" || :
}
interval=0.2
soon_is "one bucket carries the packets of one ping" 1 carries
interval=0
cmd ovs-ofctl -O OpenFlow15 mod-group br0 'group_id=7,type=ff,'\
'bucket=bucket_id:0,watch_port:red0,actions=output:red0,'\
'bucket=bucket_id:1,watch_port:red1,actions=output:red1'
end_nf red0
draws_rates "a group that steps over an NF" \
    "  fw\[ff 7.1\] ->$n red1 ->$n right"
draws_rates "and sends nothing there" \
    "left ->$n fw\[ff 7.0\] ->0 red0\(detached\) ->0 right"
