#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Packets are copied out of the pool before actions that need them to stay as
# they are, and only then: what the FTP helper of conntrack reads and changes,
# and fragments.
#
#   left --- NIC left === fw === NIC right --- right
#                  tap ---/
#
# '===' is within the pool; conntrack and NSH are on the way.  192.0.2.100 is
# left, as right sees it.  Fragments come from tap, because the kernel puts
# those to NICs like these together.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
chain_port fw
nf fw nf-forward

# flows_are FLOW...: what the bridge does with packets of left and right, on
# their way to fw.
flows_are() {
    cmd ovs-ofctl -O OpenFlow13 del-flows br0
    printf '%s\n' "$@" \
        'in_port=fw,pkt_mark=0x10000/0xffff0000,actions=right' \
        'in_port=fw,pkt_mark=0x20000/0xffff0000,actions=left' \
        'in_port=left,arp,actions=right' 'in_port=right,arp,actions=left' |
        tee "$scratch/flows"
    cmd ovs-ofctl -O OpenFlow13 add-flows br0 "$scratch/flows"
}

mark_left='set_field:0x10000->pkt_mark'
mark_right='set_field:0x20000->pkt_mark'

copied_in() {
    query "hop('fw','outside')['copied']"
}

references() {
    query "hop('fw','nic')['by_reference']"
}

flows_are \
    "in_port=left,ip,actions=$mark_left,ct(zone=1,table=1)" \
    'table=1,ip,ct_state=+new,actions=ct(commit,zone=1),fw'
ok "frames pass through conntrack" exchange left right --count 500 --size 300
is "by reference" 500 references

# Without the helper there is no data connection: nothing else is let through.
flows_are \
    "in_port=left,ip,actions=$mark_left,ct(zone=2,nat,table=1)" \
    "in_port=right,ip,actions=$mark_right,ct(zone=2,nat,table=1)" \
    'table=1,in_port=left,tcp,tp_dst=21,ct_state=+new-rel,actions='"\
ct(commit,zone=2,alg=ftp,nat(src=192.0.2.100)),fw" \
    'table=1,tcp,ct_state=+new+rel,actions=ct(commit,zone=2,nat),fw' \
    'table=1,tcp,ct_state=+est,actions=fw'
head -c 3M /dev/urandom > "$scratch/file"
cmd ip -n "$netns-right" neigh add 192.0.2.100 dev eth0 lladdr \
    "$(ip -n "$netns-left" -json link show eth0 |
        sed 's/.*"address":"\([^"]*\)".*/\1/')"
background server ip netns exec "$netns-right" \
    python3 "$here/ftp.py" serve 192.0.2.2 "$scratch/file"
fetch() {
    ip netns exec "$netns-left" python3 "$here/ftp.py" get 192.0.2.2 "$1" |
        cmp - "$scratch/file"
}
soon "a file by FTP, active: the address in the packets is changed" \
    fetch active
ok "a file by FTP, passive" fetch passive
closed() {
    local host
    for host in left right; do
        ip netns exec "$netns-$host" ss -Htan |
            grep -v 'LISTEN\|TIME-WAIT' && return 1
    done
    return 0
}
soon "all connections are closed" closed
copies=$(copied_in)
ok "packets of the control connection were copied" [ "$copies" -gt 20 ]
soon_is "out of the pool, and in again" "$copies" events conntrack_copied_out
ok "the others were not" [ "$(references)" -gt 2000 ]
balanced

# From fw through conntrack to right: pieces of packets that are put together,
# tracked, and let go as they were.
cmd ovs-vsctl add-port br0 tap -- set Interface tap type=internal
soon "the tap is there" ip -n "$netns" link set tap up
flows_are \
    'in_port=tap,ip,actions=set_field:0x30000->pkt_mark,fw' \
    'in_port=fw,pkt_mark=0x30000,ip,actions=ct(zone=3,table=1)' \
    'table=1,udp,ct_state=+new-inv,actions=right'
ok "fragments pass" exchange "$netns:tap" right --count 64 --fragments all
soon_is "each was copied" 64 events ipf_copied_out

# Fragments that wait in vain for the others hold no buffer.
waiting() {
    ovs-appctl dpctl/ipf-get-status | sed -n 's/ *num frag: //p'
}
ok "first fragments" send "$netns:tap" --count 64 --fragments first
soon_is "conntrack keeps them" 64 waiting
soon_is "as copies" 128 events ipf_copied_out
all_free
is "still" 64 waiting

# NSH around the frame, on the way to fw, and off again.
flows_are \
    "in_port=left,ip,actions=$mark_left,encap(nsh(md_type=1)),\
set_field:0x1234->nsh_spi,encap(ethernet),fw" \
    'priority=40000,in_port=fw,dl_type=0x894f,actions=decap(),decap(),right'
before=$(references)
ok "frames pass through NSH" exchange left right --count 500 --size 1000
is "by reference" $((before + 500)) references

is "nothing else was copied" $((copies + 128)) copied_in
is "nor copied out" "$copies 128" \
    echo "$(events conntrack_copied_out) $(events ipf_copied_out)"
is "nothing was dropped on the way to fw" 0 \
    query "sum(port('fw')['drops'].values())"
balanced
end_nf fw
all_free
