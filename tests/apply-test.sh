#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The parser of "ovs-chain apply", without a switch: what it makes of good
# files, and what it says of bad ones.

set -u

cd "${srcdir:-$(dirname "$0")/..}" || exit 99
apply() {
    ovs-ctl-scripts/ovs-chain apply --dry-run \
        --ports wan,lan,dmz,fw,ids,in0,out0,eth0.1,all "$@"
}
file=$(mktemp)
trap 'rm -f "$file"' EXIT
n=0 failed=0

# check WHAT EXPECTED GOT
check() {
    n=$((n + 1))
    [ "$2" = "$3" ] && return
    failed=$((failed + 1))
    printf 'case %d: %s\n--- expected\n%s\n--- got\n%s\n' "$n" "$1" "$2" "$3"
}

# good INPUT FLOW...: a FLOW is "PRIORITY,MATCH !PATH PORT" where a packet
# gets the mark of a path, "PRIORITY,MATCH ?PATH PORT" where it must have it,
# "PRIORITY,MATCH = PORT,PORT" where it has none.
good() {
    local input=$1 line match op port tag expected
    expected='delete cookie=0x636861696e/-1'
    shift
    for line; do
        read -r match op port <<< "$line"
        tag=$(printf '0x%x/0xffff0000' $((10#0${op:1} << 16)))
        case $op in
        =) match+=",pkt_mark=0/0xffff0000,actions=" ;;
        !*) match+=",actions=set_field:$tag->pkt_mark," ;;
        *) match+=",pkt_mark=$tag,actions=" ;;
        esac
        expected+=$'\n'"add cookie=0x636861696e,priority=${match}"
        expected+=output:${port//,/,output:}
    done
    printf '%b\n' "$input" > "$file"
    check "$input" "$expected" "$(apply "$file" 2>&1)"
}

# bad INPUT LINE MESSAGE
bad() {
    printf '%b\n' "$1" > "$file"
    check "$1" "$file:$2: $3, exit 1" "$(apply "$file" 2>&1), exit $?"
}

# 1 to 9: good files.
good 'wan -> lan' \
    '10000,in_port=wan !1 lan'
good 'wan->fw->lan' \
    '10000,in_port=wan !1 fw' \
    '10000,in_port=fw ?1 lan' \
    '10000,in_port=fw = wan,lan'
good '# Comment\n\n  wan <-> fw <-> ids <-> lan # more' \
    '10000,in_port=wan !1 fw' \
    '10000,in_port=fw ?1 ids' \
    '10000,in_port=ids ?1 lan' \
    '10000,in_port=lan !2 ids' \
    '10000,in_port=ids ?2 fw' \
    '10000,in_port=fw ?2 wan' \
    '10000,in_port=fw = wan,lan' \
    '10000,in_port=ids = wan,lan'
good 'wan -> in0:out0 -> fw -> lan' \
    '10000,in_port=wan !1 in0' \
    '10000,in_port=out0 !1 fw' \
    '10000,in_port=fw ?1 lan' \
    '10000,in_port=fw = wan,lan'
good 'wan <-> in0:out0 <-> lan' \
    '10000,in_port=wan !1 in0' \
    '10000,in_port=out0 !1 lan' \
    '10000,in_port=lan !2 out0' \
    '10000,in_port=in0 !2 wan'
good 'wan -> in0:out0 -> lan\ndmz -> in0:out0 -> lan' \
    '10000,in_port=wan !1 in0' \
    '10000,in_port=out0 ?1 lan' \
    '10000,in_port=dmz !2 in0' \
    '10000,in_port=out0 ?2 lan'
good 'wan[tcp, tp_dst=80] -> fw -> lan\nwan -> lan' \
    '29999,in_port=wan,tcp,tp_dst=80 !1 fw' \
    '10000,in_port=fw ?1 lan' \
    '10000,in_port=wan !2 lan' \
    '10000,in_port=fw = wan,lan'
good 'wan[udp] <-> fw <-> lan[udp]\nwan -> lan' \
    '29999,in_port=wan,udp !1 fw' \
    '10000,in_port=fw ?1 lan' \
    '29998,in_port=lan,udp !2 fw' \
    '10000,in_port=fw ?2 wan' \
    '10000,in_port=wan !3 lan' \
    '10000,in_port=fw = wan,lan'
good 'eth0.1 -> all' \
    '10000,in_port="eth0.1" !1 "all"'

# 10 on: bad files.
have='wan lan dmz fw ids in0 out0 eth0.1 all'
bad '\nwan -> nix -> lan' 2 "no port 'nix'; there is: $have"
bad 'wan -> in0:nix -> lan' 1 "no port 'nix'; there is: $have"
bad 'wan' 1 "a chain has two ends: 'wan' is only one port"
bad 'wan -> -> lan' 1 'a port is missing beside an arrow'
bad 'wan ->' 1 'a port is missing beside an arrow'
bad 'wan <- lan' 1 'only -> and <-> lead from port to port'
bad 'wan -> fw <-> lan' 1 '-> and <-> in one line'
bad 'wan -> fw lan' 1 "'fw lan' is no port: write NAME, NAME[MATCH] or, for a\
 network function with two ports, IN:OUT"
bad 'wan -> fw -> wan' 1 'wan is in the chain twice'
bad 'wan -> fw -> ids -> fw -> lan' 1 'fw is in the chain twice'
bad 'wan -> in0:fw -> fw -> lan' 1 'fw is in the chain twice'
bad 'wan -> fw -> in0:out0' 1 "in0:out0 is at an end: only between the ends\
 can a network function have two ports"
bad 'wan -> fw -> lan\nwan -> ids -> lan' 2 "wan enters the chain of line 1\
 already; tell them apart with a match, wan[...]"
bad 'wan[tcp] <-> fw <-> lan\nwan <-> lan' 2 "lan enters the chain of line 1\
 already; tell them apart with a match, lan[...]"
bad 'wan[tcp] -> fw -> lan\nwan[tcp] -> lan' 2 "wan enters the chain of line 1\
 already; tell them apart with a match, wan[...]"
bad 'wan -> fw -> lan[tcp]' 1 \
    'a match at lan, where no packet enters the chain'
bad 'wan -> fw[tcp] -> lan' 1 'a match at fw, where no packet enters the chain'
bad 'wan[] -> fw -> lan' 1 'the match of wan is empty'
bad 'wan[tcp,pkt_mark=1] -> lan' 1 \
    'pkt_mark in a match: it is set by the chain'
bad 'wan[tcp;] -> lan' 1 \
    "'tcp;' is no field of a match such as tcp or tp_dst=80"
bad 'wan -> fw -> lan\nfw -> dmz' 2 \
    'fw is an end here and a network function with one port in line 1'
bad 'wan -> in0:out0 -> lan\ndmz -> in0 -> lan' 2 "in0 is a network function\
 with one port here and a port of the same two as out0 in line 1"

# Files that are none.
printf '# nothing\n' > "$file"
check empty "$file: no chain in it" "$(apply "$file" 2>&1)"
check missing '/nonexistent: No such file or directory' \
    "$(apply /nonexistent 2>&1)"
printf '\377\376\n' > "$file"
check binary "$file: is no text" "$(apply "$file" 2>&1)"

echo "$n cases, $failed failed"
[ "$n" -eq 34 ] && [ "$failed" -eq 0 ]
