#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
#
# Packets at each of the first bytes of their buffers, and at the last, to
# which the switch adds headers: in Open vSwitch a header that has no room ends
# the process.  Each frame of each size arrives, with what was added in front
# of it or after that was removed again.  See hostile.sh.
#
#   left --- NIC left === bad --- NIC far --- far
#
# To NIC far, frames may be longer than to bad.

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
pass_bad
tunnel_end
quiet_host far 192.0.2.3
cmd ip -n "$netns" link set far-nic mtu 2000
cmd ip -n "$netns-far" link set eth0 mtu 2000
cmd ovs-vsctl add-port br0 far-nic
cmd ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2
honest_begin --seed 76

# places WHAT HEADER ACTIONS [ACTIONS]: frames pass bad, which puts them
# everywhere, and then actions, the second those of IP packets; they arrive
# with HEADER bytes in front of them.
places() {
    say "=== $1"
    ovs-ofctl -O OpenFlow13 add-flow br0 \
        "priority=40000,in_port=bad,$passed,actions=$3"
    ovs-ofctl -O OpenFlow13 add-flow br0 \
        "priority=40001,in_port=bad,ip,$passed,actions=${4-$3}"
    passed_options=(far --host 7 --skip "$2")
    attack everywhere
}

# outer ACTIONS: what becomes of packets with a tunnel's header.
outer() {
    ovs-ofctl -O OpenFlow13 add-flow br0 "in_port=LOCAL,actions=$1"
}

# What is pushed and popped without an output between would never be pushed.
mpls=push_mpls:0x8847
tags=push_vlan:0x8100,set_field:4097-\>vlan_vid,push_vlan:0x88a8
places "two VLAN tags" 0 "$tags,output:bad2,pop_vlan,pop_vlan,far-nic"
places "three labels, two tags" 0 far-nic \
    "$mpls,$mpls,$mpls,$tags,output:bad2,pop_vlan,pop_vlan,\
pop_mpls:0x8847,pop_mpls:0x8847,pop_mpls:0x0800,far-nic"

tunnel vx4 vxlan 10.9.0.2
tunnel vx6 vxlan fd09::2 options:csum=true
tunnel gnv4 geneve 10.9.0.2
tunnel gnv6 geneve fd09::2
tunnel gre4 gre 10.9.0.2 options:csum=true options:seq=true
tunnel gre6 ip6gre fd09::2 options:packet_type=legacy_l2
tunnel ers4 erspan 10.9.0.2 options:erspan_ver=1 options:erspan_idx=3
tunnel nested vxlan 10.9.0.3
outer far-nic
places "VXLAN in IPv4" 50 output:vx4
places "VXLAN in IPv6" 70 output:vx6
places "Geneve in IPv4" 50 output:gnv4
places "Geneve in IPv6" 70 output:gnv6
places "GRE in IPv4" 50 output:gre4
places "GRE in IPv6" 62 output:gre6
places "ERSPAN in IPv4" 50 output:ers4

# As much as there is room for.  The kernel itself takes one tag away.
outer "$mpls,$mpls,$mpls,$tags,far-nic"
places "VXLAN in IPv6 with labels and tags" 86 output:vx6
ovs-ofctl add-flow br0 priority=40000,in_port=LOCAL,ip,nw_dst=10.9.0.3,\
actions=output:vx6
outer far-nic
places "VXLAN in IPv4 in VXLAN in IPv6" 120 output:nested
survived
