#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
# slow
#
# Headers of packets that an NF changes while the switch adds those of tunnels,
# of Ethernet and of NSH, and takes them away, for HOSTILE_SECONDS a kind of
# action.  See hostile.sh.
#
#   bad === br0 === tunnel ports, whose other end is br0's own address

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
tunnel_end
cmd ovs-ofctl add-tlv-map br0 "{class=0xffff,type=0,len=8}->tun_metadata0"
tunnel vx4 vxlan 10.9.0.2 options:csum=true
tunnel vx6 vxlan fd09::2
tunnel gnv4 geneve 10.9.0.2
tunnel gnv6 geneve fd09::2 options:csum=true
tunnel gtp4 gtpu 10.9.0.2
tunnel gpe4 vxlan 10.9.0.2 options:exts=gpe options:dst_port=4790 \
    options:packet_type=ptap
honest_begin --seed 79 --any

gre_tunnels() {
    tunnel gre4 gre 10.9.0.2 options:csum=true options:seq=true
    tunnel gre6 gre fd09::2 options:packet_type=legacy_l2
}

erspan_tunnels() {
    tunnel ers4 erspan 10.9.0.2 options:erspan_ver=1 options:erspan_idx=3
    tunnel ers6 erspan fd09::2 options:erspan_ver=2 options:erspan_dir=1 \
        options:erspan_hwid=4
}

# come_out PORT...: what comes out of these tunnels goes to bad.
come_out() {
    local port
    for port; do
        ovs-ofctl -O OpenFlow15 add-flow br0 "in_port=$port,actions=bad"
    done
    probe bad --frames "$scratch/tunnels" --count 1000
    for port; do
        soon "unchanged packets come out of $port" used "in_port=$port"
    done
    gone bad
}

python3 "$here/packets.py" tunnels > "$scratch/tunnels"
bad_flows << END
    priority=1,in_port=bad,actions=LOCAL
END
ovs-ofctl add-flow br0 in_port=LOCAL,actions=bad
ovs-ofctl -O OpenFlow15 add-flow br0 \
    "in_port=gpe4,packet_type=(1,0x800),actions=encap(ethernet),bad"

# The switch gives all packets with GRE to ports of one type, the first.
erspan_tunnels
come_out vx4 vx6 gnv4 gnv6 ers4 ers6 gtp4 gpe4
flip heads "taking tunnel headers away" tunnels
honest_between cmd ovs-vsctl del-port ers4 -- del-port ers6
gre_tunnels
come_out gre4 gre6
flip heads "taking GRE away" tunnels
erspan_tunnels

bad_flows << END
    priority=1,in_port=bad,actions=set_field:7->tun_id,vx4
    priority=10,in_port=bad,tcp,actions=gtp4
    priority=10,in_port=bad,udp,actions=set_field:8->tun_id,\
set_field:0x1122334455667788->tun_metadata0,gnv4
    priority=10,in_port=bad,icmp,actions=gre4
    priority=10,in_port=bad,sctp,actions=ers4
    priority=10,in_port=bad,tcp6,actions=vx6
    priority=10,in_port=bad,udp6,actions=gnv6
    priority=10,in_port=bad,icmp6,actions=gre6
    priority=10,in_port=bad,arp,actions=ers6
    priority=10,in_port=bad,sctp6,actions=gpe4
    priority=10,in_port=bad,ip,nw_frag=later,actions=vx4,gnv6
END
flip heads "adding tunnel headers" v4 v6 fragments neighbours tags labels

bad_flows << END
    priority=1,in_port=bad,actions=in_port
    priority=10,in_port=bad,ip,actions=encap(nsh(md_type=1)),\
set_field:0x1234->nsh_spi,set_field:0x11223344->nsh_c1,encap(ethernet),\
set_field:02:00:00:00:00:01->eth_dst,in_port
    priority=10,in_port=bad,ipv6,actions=encap(nsh(md_type=2,\
tlv(0x1000,10,0x12345678))),encap(ethernet),\
set_field:02:00:00:00:00:01->eth_dst,in_port
    priority=10,in_port=bad,arp,actions=decap(),encap(nsh(md_type=1)),\
encap(ethernet),set_field:02:00:00:00:00:01->eth_dst,in_port
    priority=11,in_port=bad,tcp,actions=decap(),encap(nsh(md_type=1)),\
encap(ethernet),set_field:02:00:00:00:00:01->eth_dst,in_port
    priority=10,in_port=bad,dl_type=0x894f,actions=decap(),decap(),\
resubmit(,1)
    table=1,packet_type=(0,0),actions=in_port
    table=1,packet_type=(1,0x800),actions=encap(ethernet),\
set_field:02:00:00:00:00:02->eth_dst,in_port
    table=1,packet_type=(1,0x86dd),actions=encap(ethernet),in_port
    table=1,packet_type=(1,0x894f),actions=decap(),resubmit(,1)
END
flip heads "adding and removing Ethernet and NSH" v4 v6 neighbours nshs
survived
