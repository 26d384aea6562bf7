#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# References that an NF has no right to send: each is dropped and counted under
# its reason, and no buffer is lost.
#
#   left --- NIC left --- bad --- NIC right --- right
#                     \-- fw ---/

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
chain_port bad
nf fw nf-forward
chains 'left[udp] <-> bad <-> right[udp]' 'left <-> fw <-> right'

undisturbed() {
    exchange left right --count 64 --size 40
}

# broken DEFECT REASON: 20 references with DEFECT are counted under REASON.
broken() {
    local before
    before=$(query "port('bad')['drops']['$2']")
    probe bad --defect "$1"
    ok "$1: frames to be broken" send left --count 20 --size 100
    soon_is "$1: each is counted as $2" $((before + 20)) \
        query "port('bad')['drops']['$2']"
    soon_is "$1: bad owns nothing" 0 query "port('bad')['owned']"
    balanced
    ok "$1: frames pass elsewhere" undisturbed
    end_nf bad KILL
    soon_is "bad is free" detached query "port('bad')['state']"
}

broken bad_buffer bad_buffer
broken not_owner not_owner
broken reserved reserved
broken flags reserved
broken bad_verdict bad_verdict
broken no_local no_local
broken by_nf by_nf
broken rx_short rx_short
broken rx_long rx_long
broken outside outside

# A frame that begins where its buffer begins is moved, so that the switch has
# room for headers of its own.
probe bad --push
ok "frames at the start of their buffers pass" \
    exchange left right --count 50 --size 300
is "each was moved" 50 query "port('bad')['rx_moved']"
vlan='push_vlan:0x8100,set_field:4100->vlan_vid,pop_vlan'
cmd ovs-ofctl -O OpenFlow13 add-flow br0 "in_port=bad,udp,actions=$vlan,right"
ok "and take a VLAN tag" exchange left right --count 50 --size 1514
end_nf bad
end_nf fw
balanced
all_free
