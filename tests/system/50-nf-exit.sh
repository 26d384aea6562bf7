#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# NFs that exit, are killed, hoard buffers, and come back.
#
#   left --- NIC left --- fw --- NIC right --- right
#                     \-- ids --/

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw options:chain-credits=512
chain_port ids
chains 'left[udp] <-> fw <-> right[udp]' 'left <-> ids <-> right'
flows > "$scratch/flows"
same_flows() {
    flows | diff "$scratch/flows" -
}

is "the link is down without an NF" down interface fw link_state
nf fw nf-forward
nf ids nf-forward
soon_is "the link is up with an NF" up interface fw link_state
udp() {
    exchange "$1" "$2" --count 100 --size 200
}
other() {
    exchange "$1" "$2" --count 100 --size 40
}
ok "frames pass fw" udp left right
ok "frames pass ids" other left right

end_nf fw
soon_is "the link goes down when the NF exits" down interface fw link_state
is "the switch says why" "the NF detached" query "port('fw')['reason']"
soon_is "fw owns nothing" 0 query "port('fw')['owned']"
ok "the flows stay" same_flows
ok "other NFs are not disturbed" other right left

nf fw nf-forward
soon_is "the link comes up again" up interface fw link_state
is "it is the second attachment" 2 query "port('fw')['generation']"
ok "frames pass fw again" udp right left

# Killed with buffers in its hands.
end_nf fw
soon_is "fw is free" detached query "port('fw')['state']"
probe fw --hold
ok "frames for an NF that keeps them" send left --count 100 --size 200
soon_is "fw owns them" 100 query "port('fw')['owned']"
balanced
end_nf fw KILL
soon_is "the link goes down when the NF is killed" down \
    interface fw link_state
is "the switch says that it is gone" "the NF exited without detaching" \
    query "port('fw')['reason']"
soon_is "fw owns nothing any more" 0 query "port('fw')['owned']"
balanced

# One that hangs: its link goes down, and ff groups step over it.
nf fw nf-forward
cmd ovs-vsctl set Interface fw options:chain-stall-timeout=200
soon_is "fw is attached anew" attached query "port('fw')['state']"
soon_is "the link is up" up interface fw link_state
cmd ovs-ofctl -O OpenFlow13 add-group br0 "group_id=1,type=ff,\
bucket=watch_port:fw,actions=output:fw,\
bucket=watch_port:ids,actions=output:ids"
cmd ovs-ofctl -O OpenFlow13 add-flow br0 \
    "priority=40000,in_port=left,udp,actions=group:1"
cmd ovs-ofctl add-flow br0 priority=40000,in_port=ids,udp,actions=right
cmd kill -STOP "${nf_pid[fw]}"
ok "frames for an NF that hangs" send left --count 20 --size 200
soon_is "its link goes down" down interface fw link_state
is "the switch says why" True query "port('fw')['stalled']"
is "it is still attached" attached query "port('fw')['state']"
balanced
ok "frames take the other way" udp left right
cmd kill -CONT "${nf_pid[fw]}"
soon_is "its link comes up when it goes on" up interface fw link_state
is "the switch says so" False query "port('fw')['stalled']"
soon_is "it has given back all" 0 query "port('fw')['owned']"
cmd ovs-ofctl --strict del-flows br0 priority=40000,in_port=left,udp
cmd ovs-ofctl --strict del-flows br0 priority=40000,in_port=ids,udp
cmd ovs-ofctl -O OpenFlow13 del-groups br0
end_nf fw
soon_is "fw is free again" detached query "port('fw')['state']"

# One that takes more than its credit starves only itself.
probe fw --hold
overload() {
    send left --count 200 --size 200
    prints True query "port('fw')['drops']['no_credit'] > 200"
}
soon "fw is sent more frames than it has credits" overload
is "it owns its credit and no more" 512 query "port('fw')['owned']"
ok "other NFs have buffers" other left right
balanced
end_nf fw KILL
soon_is "the NF is gone" detached query "port('fw')['state']"

nf fw nf-forward
ok "frames pass fw after all that" udp left right
ok "the flows stayed" same_flows
end_nf fw
end_nf ids
soon_is "no port owns a buffer" 0 query "sum(p['owned'] for p in ports)"
balanced
all_free
