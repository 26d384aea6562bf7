#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A NIC that receives into the pool, and one that does not.
#
#   left --- NIC left (pool blue) --- fw --- NIC right --- right

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
quiet_host left 192.0.2.1
quiet_host right 192.0.2.2
nic_port left left-nic options:chain-pool=blue
nic_port right right-nic
chain_port fw
nf fw nf-forward
chains 'left <-> fw <-> right'

ok "frames pass" exchange left right --count 1000
soon_is "the Interface names the pool" blue interface left status:chain-pool
is "from the NIC in the pool by reference" 1000 \
    query "hop('fw','nic')['by_reference']"
is "none copied" 0 query "port('fw')['tx_copied']"

ok "frames pass the other way" exchange right left --count 500
is "from the other NIC by copy" 500 query "hop('fw','outside')['copied']"
soon_is "the Interface counts the bytes copied" \
    "$(query "port('fw')['tx_copied_bytes']")" \
    interface fw statistics:chain_tx_copied_bytes

# A port that changes may lose frames until it has.
works() {
    exchange "$1" "$2" --count 32 --deadline 2
}
references() {
    query "hop('fw','nic')['by_reference']"
}

cmd ovs-vsctl set Interface right options:chain-pool=blue
is "the other NIC has no error" '[]' interface right error
soon "frames pass after it was moved into the pool" works right left
before=$(references)
ok "all of them" exchange right left --count 500
is "by reference" $((before + 500)) references

cmd ovs-vsctl remove Interface right options chain-pool
soon "frames pass after it was moved out of it" works right left
before=$(references)
ok "all of them" exchange right left --count 500
is "by copy" "$before" references

cmd ovs-vsctl del-port br0 left
balanced
nic_port left left-nic options:chain-pool=blue
chains 'left <-> fw <-> right'
soon "frames pass after the NIC was deleted and added" works left right
balanced
end_nf fw
soon_is "fw owns nothing" 0 query "port('fw')['owned']"
all_free
