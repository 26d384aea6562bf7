#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# NFs with two ports each, as bumps in the wire: what comes in on one port goes
# out on the other, by reference, and comes back nowhere else.
#
#   left --- NIC === fw0:fw1 === ids0:ids1 === fwd0:fwd1 === NIC --- right
#
# '===' is within the pool.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start --pools 32
define_pool "size=32M,dir=$OVS_CHAIN_HUGE"
add_bridge
two_hosts options:chain-pool=blue
for port in fw0 fw1 ids0 ids1 fwd0 fwd1; do
    chain_port "$port" options:chain-credits=512
done
printf '%s\n' 'deny proto udp dport 7' 'default allow' > "$scratch/rules"

# two_ports NAME PROGRAM [OPTION]...: attaches an NF to NAME0 and NAME1.
two_ports() {
    background "$1" "${@:2}" "$(ring "${1}0")" "$(ring "${1}1")"
    nf_pid[$1]=$background_pid
    soon "$2 attaches to both ports" attached "${1}0" "${1}1"
}

two_ports fw nf-firewall --rules "$scratch/rules"
two_ports ids nf-monitor --read-only
two_ports fwd nf-forward
is "the switch knows that they belong together" "fw1 fw0" \
    query "port('fw0')['peer'] + ' ' + port('fw1')['peer']"
chains 'left <-> fw0:fw1 <-> ids0:ids1 <-> fwd0:fwd1 <-> right'

ok "frames of all sizes arrive on the right" exchange left right --count 1000
ok "frames of all sizes arrive on the left" exchange right left --count 500
is "references from the NIC to fw0" 1000 \
    query "hop('fw0','nic')['by_reference']"
is "references from fw1 to ids0" 1000 query "hop('ids0','fw1')['by_reference']"
is "references from ids1 to fwd0" 1000 \
    query "hop('fwd0','ids1')['by_reference']"
is "references from ids0 to fw1" 500 query "hop('fw1','ids0')['by_reference']"

ok "frames that the firewall denies" \
    send left --count 50 --size 100 --dst-port 7
soon_is "are dropped on its verdict" 50 query "port('fw1')['drops']['by_nf']"
is "no reference was refused" 0 query "sum(n for port in ports \
for reason, n in port['drops'].items() if reason not in ('by_nf',))"
is "nothing was copied" 0 query "sum(port['tx_copied'] for port in ports)"
balanced

# One port goes: the NF lets go of the other one too, and takes both again.
cmd ovs-vsctl del-port br0 fwd0
soon_is "fwd1 loses its NF with fwd0" detached query "port('fwd1')['state']"
soon_is "and owns nothing" 0 query "port('fwd1')['owned']"
balanced
chain_port fwd0 options:chain-credits=512
soon "the NF attaches to both again" attached fwd0 fwd1
chains 'left <-> fw0:fw1 <-> ids0:ids1 <-> fwd0:fwd1 <-> right'
ok "frames pass again" exchange left right --count 200
balanced

end_nf fw KILL
soon_is "killed, the NF has left both ports" 'detached detached' \
    query "port('fw0')['state'] + ' ' + port('fw1')['state']"
two_ports fw nf-firewall --rules "$scratch/rules"
ok "a new one takes them" exchange right left --count 200
for name in fw ids fwd; do
    end_nf "$name"
done
all_free
