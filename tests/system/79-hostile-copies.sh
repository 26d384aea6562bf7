#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
# slow
#
# Packets that an NF changes while the switch copies, samples, measures and
# learns from them, for HOSTILE_SECONDS a kind of action.  See hostile.sh.

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
quiet_host far 192.0.2.3
cmd ovs-vsctl add-port br0 far-nic
honest_begin --seed 80 --any

cmd ovs-vsctl \
    -- --id=@sflow create sFlow agent=lo target='"127.0.0.1:6343"' \
    sampling=3 polling=0 -- set Bridge br0 sflow=@sflow \
    -- --id=@ipfix create IPFIX targets='"127.0.0.1:4739"' sampling=3 \
    -- set Bridge br0 ipfix=@ipfix \
    -- --id=@netflow create NetFlow targets='"127.0.0.1:2055"' \
    -- set Bridge br0 netflow=@netflow \
    -- --id=@bad get Port bad -- --id=@far get Port far-nic \
    -- --id=@mirror create Mirror name=copies select_src_port=@bad \
    output_port=@far -- set Bridge br0 mirrors=@mirror
background controller ovs-ofctl monitor br0 1500 -P nxt_packet_in
cmd ovs-ofctl -O OpenFlow13 add-meter br0 meter=1,pktps,burst,\
band=type=drop,rate=100,burst_size=10

bad_flows << END
    priority=1,in_port=bad,actions=meter:1,CONTROLLER:1500
    priority=10,in_port=bad,ip,actions=bad2,src,far-nic,in_port
    priority=10,in_port=bad,ipv6,actions=output(port=far-nic,max_len=40),\
dec_ttl,in_port
    priority=11,in_port=bad,udp,actions=dec_ttl,src,\
set_field:1->udp_src,far-nic,set_field:2->udp_dst,in_port
    priority=10,in_port=bad,arp,actions=sample(probability=20000,\
collector_set_id=1),clone(set_field:1->arp_op,far-nic),in_port
END
flip heads "mirrors, samples, several outputs, the controller" \
    v4 v6 fragments neighbours tags labels nshs tunnels

# What is flooded does not go to the honest hosts.
for port in left right fw ids; do
    cmd ovs-ofctl mod-port br0 $port no-flood
done
cmd ovs-vsctl set Bridge br0 mcast_snooping_enable=true \
    -- set Interface bad bfd:enable=true cfm_mpid=1 lldp:enable=true
cmd ovs-ofctl -O OpenFlow15 add-group br0 "group_id=1,type=select,\
selection_method=dp_hash,bucket=weight=1,actions=output:in_port,\
bucket=weight=1,actions=set_field:02:00:00:00:00:01->eth_src,output:in_port"

bad_flows << END
    priority=1,in_port=bad,actions=\
check_pkt_larger(100)->NXM_NX_REG0[0],resubmit(,2)
    priority=10,in_port=bad,ip,actions=learn(table=3,hard_timeout=5,\
limit=500,eth_type=0x800,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],NXM_OF_IP_SRC[],\
output:NXM_OF_IN_PORT[]),resubmit(,3),in_port
    priority=11,in_port=bad,tcp,actions=group:1
    priority=10,in_port=bad,ipv6,actions=multipath(symmetric_l3l4+udp,\
1024,hash_threshold,16,0,NXM_NX_REG1[0..3]),resubmit(,2),in_port
    priority=10,in_port=bad,arp,actions=NORMAL
    priority=11,in_port=bad,ip,nw_proto=2,actions=NORMAL
    priority=11,in_port=bad,icmp6,actions=NORMAL
    priority=10,in_port=bad,dl_type=0x8809,actions=NORMAL
    priority=10,in_port=bad,dl_type=0x8902,actions=NORMAL
    table=2,priority=10,reg0=1,actions=in_port
    table=2,priority=9,ip,actions=dec_ttl,in_port
    table=2,priority=1,actions=in_port
END
flip heads "sizes, hashes, learning, snooping" \
    v4 v6 neighbours tags groups protocols

bad_flows << END
    priority=1,in_port=bad,actions=in_port
    priority=10,in_port=bad,ip,actions=dec_ttl,set_field:10.0.0.1->ip_src,\
far-nic,in_port
    priority=10,in_port=bad,ipv6,actions=ct(commit,nat(src=2001:db8::100)),\
in_port
END
flip bodies "whole packets" v4 v6 tunnels plain
survived
