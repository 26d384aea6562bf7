#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Keys that make no sense: each is refused in words that name it, where the
# user looks, and the rest of the switch goes on.
#
#   left --- NIC left --- fw --- NIC right --- right

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 48
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
nf fw nf-forward
chains 'left <-> fw <-> right'

undisturbed() {
    exchange left right --count 64
    exchange right left --count 64
}
ok "frames pass before" undisturbed

# The error column of an Interface, without what OVS says around it.
error() {
    ovs-vsctl --columns=error --format=list --data=bare list Interface "$1"
}
says() {
    error "$1" | grep -qF -e "$2"
}

# refused KEY=VALUE TEXT...: port 'bad' with an option is refused, and its
# error column has all TEXTs.
refused() {
    local option=$1 text
    shift
    say "+ ovs-vsctl add-port br0 bad -- set Interface bad options:$option"
    ovs-vsctl --timeout=30 --may-exist add-port br0 bad -- \
        set Interface bad type="${type-dpdkvhostuserclient}" \
        options:"$option" "${extra[@]}" 2> "$scratch/stderr" || :
    for text; do
        soon "$option: '$text'" says bad "$text"
    done
    ovs-vsctl del-port br0 bad
}

extra=()
refused chain-pool=nix nix other_config:chain-pool-nix
refused 'chain-pool=""' chain-pool

extra=(options:chain-pool=blue)
for value in 0 -1 x 1.5 99999999999; do
    refused chain-credits=$value "chain-credits=$value"
done
refused chain-credits=2000000 credits
for value in 0 17 -3 many; do
    refused chain-queues=$value "chain-queues=$value" 1 16
done
refused chain-access=wx chain-access=wx rw ro
refused chain-require=maybe chain-require=maybe true false
refused chain-ring=sub/file sub/file
refused chain-ring=ovs-chain.blue.fw ovs-chain.blue.fw

# An MTU that is refused is no error of the Interface in OVS.
chain_port small mtu_request=9000
contains "an MTU that the buffers do not fit" \
    'small: .*MTU 9000.*pool blue (buffer-size=2048)' "$dir/ovs-vswitchd.log"
is "the MTU stays" 1500 interface small mtu

quiet_host third 192.0.2.3
type=dpdk
extra=(options:chain-pool=blue
       "options:dpdk-devargs=net_af_packet_third,iface=third-nic")
refused chain-credits=64 chain-credits
unset type
ok "frames pass after bad ports" undisturbed

pool_files() {
    find "$OVS_CHAIN_HUGE" -type f | wc -l
}

# bad_pool VALUE TEXT...: a pool that VALUE does not describe is refused: the
# log and the error column of a port that wants it have all TEXTs.
bad_pool() {
    local value=$1 text
    shift
    say "+ ovs-vsctl set Open_vSwitch . other_config:chain-pool-no=$value"
    ovs-vsctl set Open_vSwitch . "other_config:chain-pool-no=\"$value\""
    extra=()
    refused chain-pool=no chain-pool-no "$@"
    for text; do
        contains "log: '$text'" "chain-pool-no.*$text" "$dir/ovs-vswitchd.log"
    done
    ovs-vsctl remove Open_vSwitch . other_config chain-pool-no
    is "no file is left" 1 pool_files
}

bad_pool size=63M 'size' 'power of two'
bad_pool size=64Q 'size'
bad_pool size= 'size'
bad_pool size=0 'size'
bad_pool size=-64M 'size'
bad_pool buffer-size=2048 'size is missing'
bad_pool size=16M,colour=red 'colour'
bad_pool size=16M,buffer-size=10 'buffer-size'
bad_pool size=16M,buffer-size=x 'buffer-size'
bad_pool size=16M,node=77 'node'
bad_pool size=16M,group=no-such-group 'no-such-group'
bad_pool size=16M,dir=/proc '/proc' 'hugetlbfs'
bad_pool size=16M,dir=/no/such '/no/such'
bad_pool "size=1024G,dir=$OVS_CHAIN_HUGE" 'hugepages' 'nr_hugepages'
ok "frames pass after bad pools" undisturbed

say "+ ovs-vsctl set Open_vSwitch . other_config:chain-pool-a.b=16M"
ovs-vsctl set Open_vSwitch . other_config:chain-pool-a.b=16M
contains "a bad name" 'a\.b' "$dir/ovs-vswitchd.log"
ovs-vsctl remove Open_vSwitch . other_config chain-pool-a.b

# And then a good one.
pool=no define_pool "size=16M,dir=$OVS_CHAIN_HUGE"
pool=no chain_port good
is "a good pool and port have no error" '[]' interface good error
pool=no nf good nf-forward
ok "frames pass at the end" undisturbed
ok "the switch lives" instance_runs
balanced
