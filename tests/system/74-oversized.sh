#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Packets that are larger than a buffer of the pool, from a port outside of it:
# dropped, and the buffers stay what they are.  Then ports that get and lose
# their pool while they are there.
#
#   big --- br0 --- fw (chain)        left --- NIC left --- fw --- NIC right
#            |                                                        |
#            +----- NIC left          right --------------------------+

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=8M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
nf fw nf-forward
chains 'left <-> fw <-> right'
ok "frames pass before" exchange left right --count 64

quiet_host big 192.0.2.3
cmd ip -n "$netns" link set big-nic mtu 9000
cmd ip -n "$netns-big" link set eth0 mtu 9000
cmd ovs-vsctl add-port br0 big-nic
cmd ovs-ofctl add-flow br0 in_port=big-nic,actions=fw,left

big_frames() {
    for _ in {1..40}; do
        send big --count 100 --size 5000
        send big --count 10 --size 64
    done
}
ok "frames of 5000 bytes from outside" big_frames
soon_is "fw gets the small ones" 400 query "hop('fw','outside')['copied']"
# The kernel itself loses some of them.
many_drops() {
    [ "$(interface fw statistics:ovs_tx_failure_drops)" -ge 100 ]
}
soon "the large ones are dropped" many_drops
is "no reference was refused" 0 query \
    "sum(n for n in port('fw')['drops'].values())"
balanced
all_free
# More frames than the pool has buffers: each is used again.
ok "frames pass through all buffers" \
    exchange left right --count 8000 --size 200
ok "and back" exchange right left --count 2000
balanced

# The option on a port that is there already, and away from it.
cmd ovs-vsctl add-port br0 late -- set Interface late type=dpdkvhostuserclient
is "a port without a pool has no ring" 0 query \
    "sum(port['name'] == 'late' for port in ports)"
cmd ovs-vsctl set Interface late options:chain-pool=blue
nf late nf-forward
soon_is "its link is up" up interface late link_state
cmd ovs-ofctl mod-flows br0 in_port=big-nic,actions=late
ok "frames from outside go there" send big --count 100 --size 64
soon_is "by copy" 100 query "hop('late','outside')['copied']"
cmd ovs-vsctl remove Interface late options chain-pool
soon_is "without the option its link is down" down interface late link_state
end_nf late
ok "frames pass elsewhere" exchange left right --count 64

# Another pool under the same name, in one transaction.
end_nf fw
cmd ovs-vsctl del-port br0 fw -- del-port br0 left -- del-port br0 right
is "no port uses the pool" '[]' query ports
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-blue="size=16M,dir=$OVS_CHAIN_HUGE" \
    -- add-port br0 fw -- set Interface fw type=dpdkvhostuserclient \
    options:chain-pool=blue
is "the port has no error" '[]' interface fw error
is "the pool has its new size" $((16 << 20)) query "pool('blue')['size']"
nf fw nf-forward
end_nf fw
all_free
