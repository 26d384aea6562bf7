#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized
# slow
#
# Packets that an NF changes while the switch tracks their connections,
# translates their addresses, reads what FTP and TFTP say, and puts fragments
# together, for HOSTILE_SECONDS a kind of action.  See hostile.sh.

# shellcheck source=hostile.sh
. "$(dirname "$0")/hostile.sh"

start_hostile
honest_begin --seed 79 --any

ovs-ofctl add-flows br0 - << END
table=2,priority=1,actions=in_port
table=2,priority=2,ip,actions=ct(commit,nat),in_port
table=2,priority=2,ipv6,actions=ct(commit,nat),in_port
table=2,priority=10,ct_state=+trk+inv,actions=in_port
table=2,priority=10,ip,ct_state=+trk+rel,actions=ct(commit,nat),in_port
table=2,priority=10,ip,ct_state=+trk+rpl,actions=dec_ttl,in_port
table=3,priority=1,actions=in_port
END

bad_flows << END
    priority=1,in_port=bad,actions=in_port
    priority=10,in_port=bad,ip,actions=ct(commit,zone=1,\
nat(src=10.0.0.1-10.0.0.9:2000-60000),exec(load:1->NXM_NX_CT_MARK[])),\
ct(table=2)
    priority=10,in_port=bad,ipv6,actions=ct(commit,zone=2,\
nat(src=[2001:db8::100]-[2001:db8::1ff])),ct(zone=2,nat,table=2)
    priority=11,in_port=bad,tcp,actions=ct(commit,zone=3,\
nat(dst=10.0.0.1:8080)),ct(zone=3,nat,table=3)
    priority=11,in_port=bad,icmp,actions=ct(zone=1,nat,table=3)
    priority=11,in_port=bad,icmp6,actions=ct(zone=2,nat,table=3)
    priority=11,in_port=bad,udp,actions=ct(table=2)
    priority=11,in_port=bad,sctp,actions=ct(table=2)
    priority=11,in_port=bad,udp6,actions=ct(commit,zone=4,\
nat(dst=2001:db8::77)),ct(zone=4,nat,table=3)
END
flip heads "connections and NAT" v4 v6 neighbours

bad_flows << END
    priority=1,in_port=bad,actions=in_port
    priority=2,in_port=bad,ip,actions=ct(zone=6,nat,table=3)
    priority=2,in_port=bad,ipv6,actions=ct(zone=6,nat,table=3)
    priority=10,in_port=bad,ip,nw_frag=yes,actions=ct(commit,zone=5,\
nat(src=10.0.0.1)),ct(zone=5,nat,table=3)
    priority=10,in_port=bad,ipv6,nw_frag=yes,actions=ct(commit,zone=5,\
nat(src=2001:db8::100)),ct(zone=5,nat,table=3)
END
flip heads "fragments put together" fragments v4
ok "fragments were kept" counted_by_ovs ipf_copied_out

bad_flows << END
    priority=1,in_port=bad,actions=in_port
    priority=10,in_port=bad,tcp,tp_dst=21,actions=ct(commit,zone=7,alg=ftp,\
nat(src=10.0.0.1)),ct(zone=7,nat,table=3)
    priority=10,in_port=bad,tcp6,tp_dst=21,actions=ct(commit,zone=7,alg=ftp,\
nat(src=2001:db8::100)),ct(zone=7,nat,table=3)
    priority=10,in_port=bad,udp,tp_dst=69,actions=ct(commit,zone=8,alg=tftp,\
nat(src=10.0.0.1)),ct(zone=8,nat,table=3)
    priority=10,in_port=bad,udp6,tp_dst=69,actions=ct(commit,zone=8,alg=tftp,\
nat(src=2001:db8::100)),ct(zone=8,nat,table=3)
END
flip heads "FTP and TFTP" applications
ok "the FTP helper had packets" counted_by_ovs conntrack_copied_out
survived
