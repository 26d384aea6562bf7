#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Who may attach an NF may also truncate the files that the switch has mapped.
# It must not die of that, nor may other pools notice.
#
#   left --- NIC left --- bad --- NIC right --- right     pool blue
#            fw                                           pool red

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 48
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
cmd ovs-vsctl set Open_vSwitch . \
    other_config:chain-pool-red="size=16M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=red
pool=red chain_port fw
chain_port bad
pool=red nf fw nf-forward
chains 'left <-> fw <-> right'
ok "frames pass in the other pool" exchange left right --count 64

probe bad --hold
cmd truncate -s 0 "$(ring bad)"
soon_is "a truncated ring file: the NF is detached" detached \
    query "port('bad')['state']"
is "the switch says why" "somebody truncated a file that the NF shares" \
    query "port('bad')['reason']"
end_nf bad KILL 2> /dev/null || : # It may have died of the same.
soon_is "the ring file is whole again" 1048576 stat -c %s "$(ring bad)"
nf bad nf-forward
is "a good NF attaches afterwards" attached query "port('bad')['state']"
ok "frames pass in the other pool" exchange right left --count 64

cmd truncate -s 0 "$OVS_CHAIN_DIR/ovs-chain.blue"
frame=ffffffffffff00000000000188b5$(printf '00%.0s' {1..50})
ok "a frame into the pool" \
    ovs-ofctl packet-out br0 "in_port=local packet=$frame actions=bad"
soon_is "a truncated pool: the NF is detached" detached \
    query "port('bad')['state']"
is "the switch knows" True query "pool('blue')['lost']"
ok "frames pass in the other pool" exchange left right --count 64
ok "the switch lives" instance_runs
balanced
