#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
# slow
#
# Headers of packets that an NF changes while the switch parses and rewrites
# them, for HOSTILE_SECONDS a kind of action.  No honest frame is lost; what is
# in those, the NF may change, too.  See hostile.sh.

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
cmd ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2
honest_begin --seed 78 --any

bad_flows << END
    priority=1,in_port=bad,actions=in_port
END
flip heads "parsing" v4 v6 fragments neighbours tags labels nshs tunnels \
    protocols

bad_flows << END
    priority=1,in_port=bad,actions=in_port
    priority=10,in_port=bad,ip,nw_src=198.51.100.0/25,nw_tos=4,actions=in_port
    priority=10,in_port=bad,ip,nw_frag=later,actions=in_port
    priority=10,in_port=bad,tcp,nw_dst=198.51.100.8,tp_dst=80,actions=in_port
    priority=11,in_port=bad,tcp,tcp_flags=+syn-ack,actions=in_port
    priority=10,in_port=bad,udp,nw_src=198.51.100.7,tp_src=1,actions=in_port
    priority=10,in_port=bad,sctp,tp_src=40000,tp_dst=80,actions=in_port
    priority=10,in_port=bad,icmp,icmp_type=3,icmp_code=4,actions=in_port
    priority=10,in_port=bad,ipv6,ipv6_label=1,ipv6_dst=2001:db8::8,actions=drop
    priority=10,in_port=bad,tcp6,tp_dst=80,actions=in_port
    priority=10,in_port=bad,udp6,nw_ttl=63,tp_dst=4000,actions=in_port
    priority=10,in_port=bad,icmp6,icmp_type=135,nd_target=::1,actions=drop
    priority=10,in_port=bad,icmp6,icmp_type=136,nd_tll=0:0:0:0:0:1,actions=drop
    priority=10,in_port=bad,arp,arp_op=2,arp_spa=198.51.100.7,actions=in_port
    priority=10,in_port=bad,mpls,mpls_label=100,mpls_bos=1,actions=in_port
    priority=10,in_port=bad,dl_type=0x894f,nsh_spi=1,nsh_c1=1,actions=in_port
    priority=10,in_port=bad,dl_vlan=10,dl_vlan_pcp=1,actions=in_port
END
flip heads "matching" v4 v6 fragments neighbours tags labels nshs tunnels \
    protocols

bad_flows << END
    priority=1,in_port=bad,actions=set_field:02:00:00:00:00:01->eth_src,\
set_field:02:00:00:00:00:02->eth_dst,in_port
    priority=10,in_port=bad,ip,actions=set_field:10.0.0.1->ip_src,\
set_field:10.0.0.2->ip_dst,set_field:9->ip_dscp,set_field:1->ip_ecn,\
set_field:99->nw_ttl,in_port
    priority=11,in_port=bad,tcp,actions=set_field:10.0.0.1->ip_src,\
set_field:1->tcp_src,set_field:2->tcp_dst,in_port
    priority=11,in_port=bad,udp,actions=set_field:10.0.0.2->ip_dst,\
set_field:1->udp_src,set_field:2->udp_dst,in_port
    priority=11,in_port=bad,sctp,actions=set_field:1->sctp_src,\
set_field:2->sctp_dst,set_field:10.0.0.2->ip_dst,in_port
    priority=11,in_port=bad,icmp,actions=set_field:8->icmp_type,\
set_field:1->icmp_code,in_port
    priority=10,in_port=bad,ipv6,actions=set_field:2001:db8::1->ipv6_src,\
set_field:2001:db8::2->ipv6_dst,set_field:7->ipv6_label,set_field:9->ip_dscp,\
set_field:1->ip_ecn,set_field:99->nw_ttl,in_port
    priority=11,in_port=bad,tcp6,actions=set_field:2001:db8::2->ipv6_dst,\
set_field:1->tcp_src,set_field:2->tcp_dst,in_port
    priority=11,in_port=bad,udp6,actions=set_field:2001:db8::1->ipv6_src,\
set_field:1->udp_src,set_field:2->udp_dst,in_port
    priority=11,in_port=bad,icmp6,actions=set_field:129->icmpv6_type,\
set_field:1->icmpv6_code,set_field:2001:db8::2->ipv6_dst,in_port
    priority=12,in_port=bad,icmp6,icmp_type=135,icmp_code=0,\
actions=set_field:2001:db8::3->nd_target,set_field:02:00:00:00:00:03->nd_sll,\
in_port
    priority=12,in_port=bad,icmp6,icmp_type=136,icmp_code=0,\
actions=set_field:2001:db8::3->nd_target,set_field:02:00:00:00:00:03->nd_tll,\
set_field:3->nd_options_type,set_field:1->nd_reserved,in_port
    priority=10,in_port=bad,arp,actions=set_field:2->arp_op,\
set_field:10.0.0.1->arp_spa,set_field:10.0.0.2->arp_tpa,\
set_field:02:00:00:00:00:04->arp_sha,set_field:02:00:00:00:00:05->arp_tha,\
in_port
    priority=10,in_port=bad,mpls,actions=set_field:77->mpls_label,\
set_field:3->mpls_tc,set_field:9->mpls_ttl,in_port
    priority=10,in_port=bad,dl_type=0x894f,actions=set_field:9->nsh_ttl,\
set_field:5->nsh_spi,set_field:6->nsh_si,set_field:7->nsh_c1,in_port
    priority=20,in_port=bad,vlan_tci=0x1000/0x1000,\
actions=set_field:4097->vlan_vid,set_field:3->vlan_pcp,in_port
END
flip heads "setting fields" v4 v6 fragments neighbours tags labels nshs

bad_flows << END
    priority=1,in_port=bad,actions=drop
    priority=10,in_port=bad,ip,actions=dec_ttl,in_port
    priority=10,in_port=bad,ipv6,actions=dec_ttl,in_port
    priority=10,in_port=bad,mpls,actions=dec_mpls_ttl,in_port
    priority=10,in_port=bad,dl_type=0x894f,actions=dec_nsh_ttl,in_port
END
flip heads "decrementing the TTL" v4 v6 fragments labels nshs

bad_flows << END
    priority=1,in_port=bad,actions=push_vlan:0x8100,\
set_field:4105->vlan_vid,in_port
    priority=20,in_port=bad,vlan_tci=0x1000/0x1000,actions=pop_vlan,in_port
    priority=10,in_port=bad,ip,actions=push_mpls:0x8847,push_mpls:0x8847,\
set_field:5->mpls_label,push_vlan:0x88a8,set_field:4106->vlan_vid,in_port
    priority=10,in_port=bad,arp,actions=push_vlan:0x8100,\
push_vlan:0x88a8,pop_vlan,pop_vlan,in_port
    priority=10,in_port=bad,mpls,mpls_bos=0,actions=pop_mpls:0x8847,in_port
    priority=10,in_port=bad,mpls,mpls_bos=1,actions=pop_mpls:0x0800,dec_ttl,\
set_field:10.0.0.1->ip_src,in_port
END
flip heads "pushing and popping VLAN and MPLS" v4 v6 neighbours tags labels
survived
